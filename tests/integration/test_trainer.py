"""run_fn on windows that Transform made: fits, kills, resumes and exports."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import trainer
from modules.data.item_indices import FIRST_ITEM
from modules.evaluation.selection_metric import selection_score
from modules.files.learned_data import read_learned
from modules.files.model_folder import MANIFEST, read_json
from modules.serving.score_adjustments import SessionAdjustments
from modules.serving.warmup_requests import BATCHES, FILE, replay_warmup_requests
from modules.sessions.examples import ExampleEncoder
from modules.training import fitting, training_run
from modules.training.selection_record import read_selection
from tests.training_process import TrainingProcess


@pytest.fixture(scope="module")
def run(fn_args) -> Callable[..., Any]:
    """Trains in this process and loads what was exported."""

    def run(data: Any, out: Path, **options: Any) -> Any:
        trainer.run_fn(FnArgs(**fn_args(data, out, **options)))
        return tf.saved_model.load(str(out / "model"))

    return run


def _example(session: list[str]) -> bytes:
    return ExampleEncoder().encode(b"", 0, [item.encode() for item in session], [])


def _epochs(output: str) -> list[str]:
    return re.findall(r"epoch (\d+/\d+)", output)


def _vectors(model: Any, data: Any) -> list[np.ndarray]:
    """Returns the vectors of all items of the data, and those after sessions of one and of two."""
    items = tf.constant(data.vocabulary().item_ids.tolist())
    sessions = [items[:, None], tf.stack([items[:-1], items[1:]], axis=1)]
    found = [model.signatures["embed_items"](item_ids=items)]
    found += [model.signatures["embed_query"](item_ids=each) for each in sessions]
    return [vectors["embedding"].numpy() for vectors in found]


def test_its_warmup_requests_call_every_signature(saved_model, trained) -> None:
    """They are in the format that TensorFlow Serving reads, and part of the manifest."""
    folder, called = str(trained.folder / "model"), []

    def watched(name: str) -> Callable[..., Any]:
        def call(**inputs: tf.Tensor) -> Any:
            called.append(
                (name, max(value.shape[0] for value in inputs.values() if value.shape.rank))
            )
            return saved_model.signatures[name](**inputs)

        return call

    signatures = {name: watched(name) for name in saved_model.signatures}
    assert replay_warmup_requests(folder, signatures) == len(called)
    assert {name for name, _ in called} == set(saved_model.signatures)
    assert {size for _, size in called} == set(BATCHES)
    assert FILE in read_json(folder, MANIFEST)["files"]
    assert replay_warmup_requests(str(trained.folder), signatures) == 0


def test_exports_every_signature(saved_model, sample) -> None:
    assert set(saved_model.signatures) == {
        "serving_default",
        "recommend",
        "recommend_filtered",
        "embed_query",
        "embed_items",
        "evaluate",
        "eval_features",
    }
    sessions = sample.sessions["test"][:3]
    examples = tf.constant([_example(session) for session in sessions])

    answer = saved_model.signatures["serving_default"](examples=examples)
    judged = saved_model.signatures["evaluate"](examples=examples)

    fitted = [*sample.sessions["train"], *sample.sessions["eval"]]
    known = {item.encode() for session in fitted for item in session}
    assert answer["item_ids"].shape == answer["scores"].shape == [3, 100]
    own = {item.encode() for session in sessions for item in session} - known
    assert set(answer["item_ids"].numpy().ravel()) <= known | own
    assert judged["rank"].shape == [3, max(map(len, sessions)) - 1]
    assert saved_model.signatures["eval_features"](examples=examples)["label"].shape == [3]


def test_what_a_model_learned_is_stored_with_it(trained, sample) -> None:
    learned = read_learned(str(trained.folder / "model"))
    train = sample.sessions["train"]
    assert learned is not None and learned.splits == ("train",)  # without refit
    assert (learned.sessions, learned.events) == (len(train), sum(map(len, train)))
    assert learned.items == len(sample.vocabulary().item_ids)
    assert learned.first_start == learned.last_start == 0
    assert learned.last_event == 1000 * (max(map(len, train)) - 1)


def test_the_selection_is_stored_with_the_model(trained) -> None:
    choices = read_selection(str(trained.folder / "model"))
    assert choices is not None and 1 <= choices["epochs"] <= 2
    weight = float(trained.model.candidate_tower.popularity_weight)
    assert choices["popularity_weight"] == pytest.approx(weight)
    assert (
        SessionAdjustments(*(choices[name] for name in SessionAdjustments._fields)) == trained.seen
    )
    assert 0 < choices["eval"]["mrr@20"] < choices["eval"]["recall@20"] < 1


def test_training_model_saved_model_and_a_fresh_process_give_the_same_answers(
    trained, sample
) -> None:
    """The fresh process has nothing but TensorFlow."""
    vocabulary, window = sample.vocabulary(), sample.features.max_context
    positions = {item: place for place, item in enumerate(vocabulary.item_ids)}
    # Unknown items are left out: `test_one_answer.py` has them.
    sessions = [
        [item for item in session[:-1] if item.encode() in positions]
        for session in sample.sessions["test"][:40]
    ]

    expected = []
    popularity = -np.arange(float(vocabulary.catalogue_size))
    for session in sessions:
        known = [positions[i.encode()] for i in session if i.encode() in positions][-window:]
        scores = trained.scores(known) if known else popularity
        best = np.argsort(-scores, kind="stable")[:20]
        expected.append([vocabulary.item_ids[place].decode() for place in best])

    code = textwrap.dedent(
        """
        import json, sys
        import tensorflow as tf
        sessions = tf.ragged.constant(json.loads(sys.argv[2])).to_tensor("")
        model = tf.saved_model.load(sys.argv[1])
        items = model.signatures["recommend"](item_ids=sessions)["item_ids"].numpy()
        ours = {"modules", "tensorflow_recommenders", "tf_keras", "tfx", "tensorflow_transform"}
        assert not ours & set(sys.modules), ours & set(sys.modules)
        print(json.dumps([[item.decode() for item in row[:20]] for row in items]))
        """
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    arguments = [str(trained.folder / "model"), json.dumps(sessions)]
    output = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=trained.folder,
        env=environment,
    ).stdout
    assert json.loads(output.splitlines()[-1]) == expected
    assert any(len(session) > window for session in sessions)


def test_writes_what_tensorboard_reads(trained) -> None:
    tags = {
        value.tag
        for path in (trained.folder / "logs").rglob("events*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert {"epoch_mean_loss", "epoch_recall@20", "epoch_targets_per_second"} <= tags


def test_the_checkpoint_folder_is_gone_at_the_end(trained) -> None:
    assert list((trained.folder.parent / "checkpoints").iterdir()) == []


def test_the_same_seed_gives_the_same_model(run, saved_model, sample, tmp_path: Path) -> None:
    again = run(sample, tmp_path / "run")

    for one, same in zip(_vectors(saved_model, sample), _vectors(again, sample), strict=True):
        np.testing.assert_array_equal(one, same)


def test_the_order_of_examples_does_not_matter(run, saved_model, sample, tmp_path: Path) -> None:
    shuffled = dataclasses.replace(sample, folder=tmp_path / "shuffled")
    shuffled.folder.mkdir()
    shuffled.graph.symlink_to(sample.graph)
    random = np.random.default_rng(2)
    for split in ("train", "eval"):
        files = tf.io.gfile.glob(sample.files(split))
        records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
        (shuffled.folder / f"Split-{split}").mkdir()
        for part, places in enumerate(np.array_split(random.permutation(len(records)), 3)):
            with tf.io.TFRecordWriter(shuffled.files(split)[:-1] + f"{part}.gz", "GZIP") as writer:
                for place in places:
                    writer.write(records[place])
    other = run(shuffled, tmp_path / "run")

    for one, same in zip(_vectors(saved_model, sample), _vectors(other, sample), strict=True):
        np.testing.assert_array_equal(one, same)


def test_another_seed_and_streamed_windows_give_another_model(
    run, saved_model, sample, tmp_path: Path
) -> None:
    other = run(sample, tmp_path / "run", seed=7, memory_limit_mb=0)

    before, after = _vectors(saved_model, sample)[0], _vectors(other, sample)[0]
    assert np.abs(before - after).max() > 0.1


def test_separate_tables_train_without_a_choice(run, sample, tmp_path: Path) -> None:
    """As the preset of the reference notebook does: nothing is chosen, one fit sees all."""
    options = {
        "early_stopping_patience": None,
        "current_item_penalty": 0.0,
        "earlier_item_boost": 0.0,
        "popularity_weight": 0.0,
        "weight_averaging": 0.0,
        "optimizer": "adagrad",
        "loss": "in_batch",
        "model": {"shared_embedding": False, "num_neighbors": 0, "copy_lags": 0},
    }
    model = run(sample, tmp_path / "run", max_epochs=1, refit=True, **options)
    assert np.isfinite(_vectors(model, sample)[0]).all()
    choices = read_selection(str(tmp_path / "run" / "model"))
    assert choices is not None
    assert choices["epochs"] == 1 and choices["eval"] == {"recall@20": None, "mrr@20": None}


def test_bfloat16_trains_and_serves_in_float32(run, sample, tmp_path: Path) -> None:
    model = run(sample, tmp_path / "run", precision="mixed_bfloat16", loss="in_batch")

    answer = model.signatures["recommend"](item_ids=tf.constant([sample.sessions["test"][0]]))
    assert answer["scores"].dtype == tf.float32
    assert np.isfinite(answer["scores"]).all()
    assert tf.keras.mixed_precision.global_policy().name == "float32"


class TestRefit:
    """Chooses the number of epochs on eval, then trains on train and eval."""

    @pytest.fixture(scope="class")
    def seen(self, run, sample, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        """What `fit` was called with, by name of the fit."""
        fit, seen = fitting.fit, {}

        def watched(run, name, windows, checkpoint, warm):
            seen[name] = {"windows": windows, "checkpoint": checkpoint}
            return fit(run, name, windows, checkpoint, warm)

        folder = tmp_path_factory.mktemp("refit")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fitting, "fit", watched)
            options = {"max_epochs": 4, "early_stopping_patience": 1, "popularity_weight": 0.3}
            seen["model"] = run(sample, folder / "run", refit=True, **options)
        return seen

    def test_trains_as_many_epochs_as_were_best(self, seen) -> None:
        choosing, refitting = seen["choose"]["checkpoint"], seen["refit"]["checkpoint"]
        names = ("val_recall@20", "val_mrr@20")
        reached = [[epoch[name] for epoch in choosing.history] for name in names]
        assert len(refitting.history) == 1 + selection_score(*reached).argmax()
        assert "val_recall@20" not in refitting.history[0]

    def test_popularity_is_in_the_vectors(self, seen, sample) -> None:
        vocabulary = sample.vocabulary()
        ids = tf.constant(vocabulary.item_ids[: vocabulary.catalogue_size].tolist())
        vectors = seen["model"].signatures["embed_items"](item_ids=ids)["embedding"].numpy()
        query = seen["model"].signatures["embed_query"](item_ids=ids[None, :3])["embedding"]
        expected = 0.3 * np.log(vocabulary.counts[: vocabulary.catalogue_size])
        np.testing.assert_allclose(vectors[:, -1] * query.numpy()[0, -1], expected, atol=1e-5)

    def test_trains_on_eval_too(self, seen) -> None:
        targets = [seen[name]["checkpoint"].history[0]["targets"] for name in ("choose", "refit")]
        assert targets[0] < targets[1]
        assert (seen["refit"]["windows"].item_counts[FIRST_ITEM:].numpy() > 0).all()

    def test_the_selecting_run_knows_no_item_of_eval_alone(self, seen, sample) -> None:
        """The vocabulary holds eval's items; they may be neither negative nor target."""
        in_train = {item.encode() for session in sample.sessions["train"] for item in session}
        expected = [item in in_train for item in sample.vocabulary().item_ids]
        windows = seen["choose"]["windows"]
        counts, evaluation = windows.item_counts.numpy(), windows.evaluation
        assert (counts[FIRST_ITEM:] > 0).tolist() == expected
        assert not all(expected)
        judged = np.concatenate([windows.values for windows in evaluation])
        assert len(judged) > 50
        assert (counts[judged] > 0).all()


def test_early_stopping_without_evaluation_data_is_an_error(
    fn_args, sample, tmp_path: Path
) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "windows.gz"), "GZIP"):
        pass  # what Transform writes of sessions without a step
    args = fn_args(sample, tmp_path / "run", early_stopping_patience=1)
    args["eval_files"] = [str(tmp_path / "*.gz")]

    with pytest.raises(ValueError, match="none of its sessions has two items"):
        trainer.run_fn(FnArgs(**args))


@pytest.mark.parametrize(
    ("changes", "resumes"),
    [
        ({}, True),
        ({"seed": 8}, False),
        ({"max_epochs": 3}, False),
        ({"model": {"copy_lags": 3}}, False),
        ({"source_digest": "edited"}, False),
    ],
)
def test_only_the_same_job_finds_its_checkpoints(
    fn_args, sample, tmp_path: Path, changes: dict[str, Any], resumes: bool
) -> None:
    # Every execution of TFX has folders of its own.
    before = FnArgs(**fn_args(sample, tmp_path / "1"))
    after = FnArgs(**fn_args(sample, tmp_path / "2", **changes))

    folders = {training_run.read_training_run(args).checkpoints for args in (before, after)}

    assert (len(folders) == 1) is resumes


def test_other_data_find_no_checkpoints(fn_args, sample, tmp_path: Path) -> None:
    args = FnArgs(**fn_args(sample, tmp_path / "run"))
    files = {split: training_run.input_files([sample.files(split)]) for split in ("train", "eval")}
    as_they_are = training_run.read_training_run(args, files["train"], files["eval"])

    assert (
        training_run.read_training_run(args, files["train"], files["eval"]).checkpoints
        == as_they_are.checkpoints
    )
    for splits in (
        (files["eval"], files["train"]),
        (files["train"], []),
        (files["train"] + files["eval"], []),
    ):
        assert training_run.read_training_run(args, *splits).checkpoints != as_they_are.checkpoints


def test_killed_fits_go_on_where_they_were(fn_args, sample, tmp_path: Path) -> None:
    # Averaged weights are judged, and chosen by; those trained on are others.
    options = {
        "max_epochs": 12,
        "refit": True,
        "weight_averaging": 0.9,
        "model": {"num_neighbors": 2},
    }
    killed = TrainingProcess(fn_args(sample, tmp_path / "1", **options)).kill_at(
        r"epoch 3/12 .*eval recall"
    )
    done = int(_epochs("\n".join(killed))[-1].split("/")[0])
    assert done < 12

    # Another configuration begins at the beginning.
    other = TrainingProcess(fn_args(sample, tmp_path / "2", **options, learning_rate=0.01)).kill_at(
        "epoch"
    )
    assert not any("resumed" in line for line in other)
    assert _epochs(other[0]) == ["1/12"]

    # The same one goes on; this time it is killed while it refits.
    refitting = TrainingProcess(fn_args(sample, tmp_path / "3", **options)).kill_at(
        r"epoch 2/12  loss \S+  [\d,]+ t"
    )
    after = int(re.search(r"resumed after epoch (\d+)", refitting[0])[1])
    assert after in (done - 1, done)  # printed, and not yet saved when it was killed; or saved
    assert _epochs(refitting[1]) == [f"{after + 1}/12"]
    assert "eval recall" in refitting[1]

    last = TrainingProcess(fn_args(sample, tmp_path / "4", **options)).finish()
    # The epochs were chosen; the adjustments are found again with the weights that were best.
    assert re.match(r" +current_item_penalty \S+, .* eval recall", last[0])
    assert last[0] in refitting
    assert re.search(r"resumed after epoch [123456789]\b", last[1])
    assert not any(re.search("epoch .*eval recall", line) for line in last)
    assert _epochs(last[-1]) == ["12/12"]
    assert (tmp_path / "4" / "model" / "saved_model.pb").exists()
    left = list((tmp_path / "checkpoints").iterdir())
    assert len(left) == 1  # of the other configuration alone


def test_weights_reach_the_loss_alone(
    run, trained, weighted_sample, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Streamed, by two members, in the selecting training run and in the one on all the data."""
    seen, fit = {}, fitting.fit

    def watched(run, name, windows, checkpoint, warm):
        seen[name] = windows, checkpoint
        return fit(run, name, windows, checkpoint, warm)

    monkeypatch.setattr(fitting, "fit", watched)
    options = {"max_epochs": 1, "early_stopping_patience": 1, "memory_limit_mb": 0}
    model = run(
        weighted_sample, tmp_path / "run", refit=True, model={"ensemble_size": 2}, **options
    )
    assert np.isfinite(_vectors(model, weighted_sample)[0]).all()
    assert set(seen) == {"choose", "refit"}
    for windows, checkpoint in seen.values():
        _, weights = windows.train.element_spec
        assert weights.dtype == tf.float32
        assert windows.evaluation is None or windows.evaluation.element_spec.dtype == tf.int32
        assert 1 < checkpoint.history[0]["mean_loss"] < 10  # of the same scale as without weights
    learned = [read_learned(str(folder / "model")) for folder in (trained.folder, tmp_path / "run")]
    assert learned[0].fingerprint != learned[1].fingerprint
