"""Fits: the evaluation of epochs, and the batches of streamed and of resumed ones."""

from __future__ import annotations

import contextlib
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.config.options.features import FeatureOptions
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data import batching, shards
from modules.data.item_indices import FIRST_ITEM
from modules.data.scratch import PREFIX, scratch_folder
from modules.data.vocabulary import Vocabulary
from modules.data.windowing import FEATURE
from modules.evaluation.prediction_steps import ScoredSteps
from modules.training import fitting
from modules.training.best_epoch_checkpoint import BestEpochCheckpoint
from modules.training.fitting import TrainingData, epoch_eval_fn
from modules.training.selection_record import Selection
from modules.training.training_run import TrainingRun


class Model:
    """Scores the current item, 0, highest, and the answer, item 1, next."""

    def scored_steps(self, batches: tf.data.Dataset) -> Iterator[ScoredSteps]:
        for context, target in batches:
            scores = np.zeros([len(context), 30], np.float32)
            scores[:, :2] = 1.0, 0.5
            places = context.numpy() - FIRST_ITEM, target.numpy()[:, 0] - FIRST_ITEM
            yield ScoredSteps(scores, *places, np.zeros(30))


@pytest.mark.parametrize(("penalty", "mrr"), [(None, 1.0), (0.0, 0.5)])
def test_an_epoch_is_evaluated_as_it_would_be_served(penalty: float | None, mrr: float) -> None:
    """The current item is demoted, unless the options say otherwise."""
    windows = tf.data.Dataset.from_tensors(tf.ragged.constant([[2, 3]], tf.int32))
    options = TrainerOptions(current_item_penalty=penalty)
    run = TrainingRun(FeatureOptions(), ModelOptions(), options, "", "", "")
    evaluate = epoch_eval_fn(run, TrainingData(windows, tf.ones([32], tf.int64), windows))

    assert evaluate(Model()) == (1.0, mrr)


ITEMS = 40
FILES = 4


@pytest.fixture
def sorted_files(tmp_path: Path) -> list[str]:
    """Files of a log that is sorted by item: each has ten of its own."""
    random = np.random.default_rng(5)
    paths = []
    for number in range(FILES):
        paths.append(str(tmp_path / f"windows-{number}.gz"))
        with tf.io.TFRecordWriter(paths[-1], "GZIP") as writer:
            for steps in random.integers(1, 4, 300):
                window = random.integers(FIRST_ITEM, FIRST_ITEM + ITEMS // FILES, 4)
                window += number * (ITEMS // FILES)
                window *= np.arange(4) <= steps
                feature = {FEATURE: tf.train.Feature(int64_list=tf.train.Int64List(value=window))}
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
    return paths


def _run(folder: Path, **options: object) -> TrainingRun:
    trainer = TrainerOptions(batch_targets=64, **options)
    model = ModelOptions(ensemble_size=1, embedding_dim=4, gru_units=4, num_neighbors=0)
    features = FeatureOptions(max_context=3)
    return TrainingRun(features, model, trainer, "", str(folder / "checkpoints"), str(folder))


VOCABULARY = Vocabulary(
    np.array([b"%d" % item for item in range(ITEMS)], object), np.full(ITEMS, 9), ITEMS
)


def _files_in(context: tf.Tensor) -> set[int]:
    """Returns the files that the windows of a batch come from."""
    return set(((context.numpy()[:, 0] - FIRST_ITEM) // (ITEMS // FILES)).tolist())


def test_a_batch_of_a_streamed_fit_mixes_the_files(
    sorted_files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both fits, the selecting one and the one on all data, whatever the order of the log."""
    epochs: dict[str, list[list[set[int]]]] = {}

    def fit(run: TrainingRun, name: str, windows: TrainingData, *_: object) -> object:
        batches, _ = fitting.training_batches(run, windows)
        epochs[name] = [[_files_in(context) for context, _ in batches] for _ in range(2)]
        raise InterruptedError

    monkeypatch.setattr(batching, "_RECORDS_PER_PARSE", 100)
    monkeypatch.setattr(fitting, "fit", fit)
    # As is nothing that a killed one left behind.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    run = _run(tmp_path, memory_limit_mb=0, refit=True, early_stopping_patience=None)
    kept = Selection(1, fitting.AdjustmentGrid().at(0, 0, 0), 0.0, 0.0)
    for selection in (None, kept):
        with pytest.raises(InterruptedError):
            fitting.select_and_refit(
                run, VOCABULARY, sorted_files[:2], sorted_files[2:], kept=selection
            )
        assert not list((tmp_path / "scratch").glob(f"{PREFIX}*"))
    for name, files in (("choose", {0, 1}), ("refit", {0, 1, 2, 3})):
        for epoch in epochs[name]:
            assert len(epoch) > 10
            # All but a few, which hold what is left of a length.
            assert np.mean([found == files for found in epoch]) > 0.8


@pytest.mark.parametrize("memory_limit_mb", [0, 1], ids=["streamed", "in memory"])
def test_a_resumed_run_has_the_batches_of_an_uninterrupted_one(
    sorted_files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory_limit_mb: int
) -> None:
    monkeypatch.setattr(shards, "_BUCKETS", 5)
    monkeypatch.setattr(fitting, "_SMALLEST_SHARD_MB", 2**-8)
    training_batches, seen = fitting.training_batches, []

    def watched(*arguments: Any) -> tuple[tf.data.Dataset, None]:
        def note(context: tf.Tensor) -> tf.Tensor:
            seen.append(context.numpy().tolist())
            return context

        batches, _ = training_batches(*arguments)
        return batches.map(
            lambda context, target: (
                tf.ensure_shape(tf.py_function(note, [context], tf.int32), [None, None]),
                target,
            )
        ), None

    monkeypatch.setattr(fitting, "training_batches", watched)

    def fit(folder: Path, killed_after: int | None = None) -> list[list[list[int]]]:
        """Returns the batches of four epochs, or of those before the kill."""
        seen.clear()
        run = _run(folder, memory_limit_mb=memory_limit_mb)

        def evaluate(_: object) -> tuple[float, float]:
            if len(checkpoint.history) == killed_after:
                raise KeyboardInterrupt
            return 0.5, 0.5

        checkpoint = BestEpochCheckpoint(str(folder / "checkpoint"), 4, None, evaluate)
        with scratch_folder() as scratch, contextlib.suppress(KeyboardInterrupt):
            train, in_shards = fitting.training_windows(run, sorted_files, scratch)
            assert (in_shards is None) == bool(memory_limit_mb)
            assert in_shards is None or len(in_shards.files) > 2
            counts = tf.ones([ITEMS + FIRST_ITEM], tf.int64)
            fitting.fit(run, "fit", TrainingData(train, counts, shards=in_shards), checkpoint)
        return list(seen)

    whole = fit(tmp_path / "whole")
    length = len(whole) // 4
    epochs = [whole[start : start + length] for start in range(0, len(whole), length)]
    assert len({str(epoch) for epoch in epochs}) == 4
    assert fit(tmp_path / "killed", killed_after=2) == whole[: 3 * length]
    assert fit(tmp_path / "killed") == whole[2 * length :]


def test_the_selecting_model_leaves_memory_before_the_next_is_trained(
    sorted_files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, models = fitting.fit, {}

    def watched(run: TrainingRun, name: str, *rest: Any) -> fitting.TwoTower:
        assert not any(model() for model in models.values())
        model = fit(run, name, *rest)
        models[name] = weakref.ref(model)
        return model

    monkeypatch.setattr(fitting, "fit", watched)
    run = _run(tmp_path, max_epochs=1)
    fitted = fitting.select_and_refit(run, VOCABULARY, sorted_files, sorted_files[:1])
    assert [*models] == ["choose", "refit"]
    assert fitted.model is models["refit"]()


@pytest.mark.parametrize(("warm_start", "refit"), [(True, False), (True, True), (False, False)])
def test_the_optimizer_of_the_best_epoch_is_kept_for_later_warm_starts(
    sorted_files: list[str], tmp_path: Path, warm_start: bool, refit: bool
) -> None:
    run = _run(
        tmp_path, max_epochs=1, early_stopping_patience=1, warm_start=warm_start, refit=refit
    )

    fitting.select_and_refit(run, VOCABULARY, sorted_files, sorted_files[:1])

    (index,) = (tmp_path / "checkpoints" / "choose").glob("best-1.index")
    names = [name for name, _ in tf.train.list_variables(str(index.with_suffix("")))]
    assert any(name.startswith("weights/") for name in names)
    assert any(name.startswith("optimizer/") for name in names) == (warm_start and not refit)
