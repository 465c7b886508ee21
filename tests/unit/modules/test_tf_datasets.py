"""Datasets are not tuned, from the file to the batch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tensorflow as tf

from modules.data import batching
from modules.tf_datasets import without_autotuning

PROJECT = Path(__file__).resolve().parents[3]
WINDOWS = tf.constant([[2, 3, 4], [3, 2, 0]])


def _is_tuned(dataset: tf.data.Dataset) -> bool:
    return dataset.options().autotune.enabled is not False


def test_what_is_derived_from_a_dataset_is_not_tuned_either() -> None:
    numbers = tf.data.Dataset.range(5)
    assert _is_tuned(numbers.batch(2))
    untuned = without_autotuning(numbers)
    derived = tf.data.Dataset.zip((untuned, numbers)).flat_map(lambda *_: numbers).prefetch(1)
    assert not _is_tuned(derived)
    assert list(untuned.as_numpy_iterator()) == list(range(5))


@pytest.mark.parametrize("memory_limit_mb", [0, 1])
def test_training_and_evaluation_batches_are_not_tuned(
    tmp_path: Path, memory_limit_mb: int
) -> None:
    path = str(tmp_path / "windows.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        values = tf.train.Int64List(value=WINDOWS.numpy().ravel())
        feature = {batching.FEATURE: tf.train.Feature(int64_list=values)}
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        writer.write(example.SerializeToString())
    chunks = batching.in_one_chunk(batching.window_chunks([path], 2), memory_limit_mb)
    train = batching.training_batches(chunks, 8, targets="all", reversed_sessions=True, seed=1)
    evaluation = batching.evaluation_batches(
        batching.sampled_windows(chunks, 1, "all").cache(), 8, "all"
    )
    for batches in (train, evaluation, batching.shares(train, range(0, 1), 2)):
        assert not _is_tuned(batches)
    ((context, _),) = train
    assert context.shape[0] == 2 * len(WINDOWS)


def test_no_file_of_records_is_read_by_a_tuned_dataset() -> None:
    readers = []
    for layer in ("modules", "components", "serving", "pipeline"):
        for source in sorted((PROJECT / layer).rglob("*.py")):
            found = re.findall(r"(\S*)tf\.data\.TFRecordDataset\(", source.read_text("utf-8"))
            readers += [(source.name, before) for before in found]
    assert len(readers) >= 5
    assert [reader for reader in readers if reader[1] != "without_autotuning("] == []
