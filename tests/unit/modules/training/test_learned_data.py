"""The record of what a training run learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from modules.config.options.features import FeatureOptions
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.session_spans import FEATURE
from modules.training.learned_data import learned_data
from modules.training.training_run import TrainingRun


def _split(folder: Path, name: str, *spans: list[int]) -> list[str]:
    """Writes the spans of sessions as Transform does."""
    file = str(folder / f"{name}.gz")
    with tf.io.TFRecordWriter(file, "GZIP") as writer:
        for span in spans:
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=span))
            example = tf.train.Example(features=tf.train.Features(feature={FEATURE: feature}))
            writer.write(example.SerializeToString())
    return [file]


def _run(refit: bool, *digests: str) -> TrainingRun:
    options = TrainerOptions(refit=refit)
    return TrainingRun(FeatureOptions(), ModelOptions(), options, "", "", "", digests)


@pytest.mark.parametrize("refit", [False, True])
def test_a_refitted_model_learned_split_eval_too(tmp_path: Path, refit: bool) -> None:
    train = _split(tmp_path, "train", [5, 9, 3], [1, 2, 2])
    evaluation = _split(tmp_path, "eval", [20, 30, 4])
    found = learned_data(_run(refit, "a", "b"), 7, train, evaluation)
    assert found.splits == (("train", "eval") if refit else ("train",))
    assert (found.sessions, found.events) == ((3, 9) if refit else (2, 5))
    assert (found.first_start, found.last_start) == ((1, 20) if refit else (1, 5))
    assert found.last_event == (30 if refit else 9)
    assert found.items == 7


def test_the_fingerprint_is_that_of_the_learned_windows(tmp_path: Path) -> None:
    splits = _split(tmp_path, "train", [5, 9, 3]), _split(tmp_path, "eval", [20, 30, 4])

    def fingerprint(refit: bool, *digests: str) -> str:
        return learned_data(_run(refit, *digests), 7, *splits).fingerprint

    assert fingerprint(False, "a", "b") == fingerprint(False, "a", "c")
    assert (
        len({fingerprint(True, "a", name) for name in "bc"} | {fingerprint(False, "a", "b")}) == 3
    )
