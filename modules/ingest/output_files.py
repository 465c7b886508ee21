"""Writes the files of the artifact, each atomically.

A worker may process an element twice (a retry, a speculative copy). A file is named after its
bucket or piece and renamed into place when complete, where a second attempt finds it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tfx.components.example_gen import write_split
from tfx.dsl.io import fileio

from modules.ingest.beam_sessions import Batch
from modules.ingest.report import REJECTS_FOLDER, REPORT_NAME, Reject, Report

_UNFINISHED_FOLDER = "unfinished"
_RARE_ITEMS_NAME = "rare_items.txt"


class WriteBatch(beam.DoFn):
    """Writes a batch of tf.Examples as a gzipped TFRecord file of its output split."""

    def __init__(self, uri: str) -> None:
        """Stores the artifact's folder."""
        self._uri = uri

    def process(self, batch: tuple[Any, ...]) -> Iterator[str]:
        """Yields the path written."""
        split, _, bucket, buckets, examples = Batch(*batch)
        # Sessions cut from train for eval come from train's buckets.
        name = f"{write_split.DEFAULT_TF_RECORD_FILE_NAME}-{bucket:05d}-of-{buckets:05d}.gz"
        path = os.path.join(self._uri, f"Split-{split}", name)
        write_whole(self._uri, path, _tfrecords(examples))
        yield path


def _tfrecords(examples: list[bytes]) -> bytes:
    """Formats records with TensorFlow, whose writer needs a local file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "records")
        with tf.io.TFRecordWriter(path, options="GZIP") as writer:
            for example in examples:
                writer.write(example)
        with open(path, "rb") as file:
            return file.read()


class WriteRejects(beam.DoFn):
    """Writes rejected rows as JSON lines, one file per piece of input."""

    def __init__(self, uri: str) -> None:
        """Stores the artifact's folder."""
        self._uri = uri

    def process(self, rejects: list[tuple[Any, ...]]) -> Iterator[str]:
        """Yields the path written."""
        rows = [Reject(*reject) for reject in rejects]
        first = rows[0]
        name = f"{first.split}-{first.rank:05d}-{first.offset:012d}.jsonl"
        path = os.path.join(self._uri, REJECTS_FOLDER, name)
        text = "".join(f"{row.to_json()}\n" for row in rows)
        write_whole(self._uri, path, text.encode())
        yield path


def prepare(uri: str, splits: list[str]) -> None:
    """Creates the artifact's folders, without files of an earlier attempt."""
    for name in (*(f"Split-{split}" for split in splits), REJECTS_FOLDER, _UNFINISHED_FOLDER):
        folder = os.path.join(uri, name)
        if fileio.exists(folder):
            fileio.rmtree(folder)
        fileio.makedirs(folder)


def finish(uri: str) -> None:
    """Removes unfinished files of retried workers."""
    fileio.rmtree(os.path.join(uri, _UNFINISHED_FOLDER))


def keep_rejects(uri: str, path: str) -> str:
    """Copies all bad rows into one file that outlives the artifact.

    Args:
      uri: folder of the artifact.
      path: file to write or replace; "" for none.

    Returns:
      A sentence for the user, "" if no file was written.
    """
    folder = os.path.join(uri, REJECTS_FOLDER)
    names = fileio.listdir(folder) if path and fileio.isdir(folder) else []
    parts = [os.path.join(folder, name) for name in sorted(names) if name.endswith(".jsonl")]
    if not parts:
        return ""
    fileio.makedirs(os.path.dirname(path))
    with fileio.open(path, "wb") as kept:
        for part in parts:
            with fileio.open(part, "rb") as rows:
                shutil.copyfileobj(rows, kept)
    return f"\nAll bad rows are in {path}"


def write_rare_items(packed: bytes, uri: str) -> None:
    """Writes the ids of rare items, one per line, beside the rejects."""
    write_whole(uri, os.path.join(uri, REJECTS_FOLDER, _RARE_ITEMS_NAME), packed)


def read_rare_items(uri: str) -> bytes:
    """Reads what `write_rare_items` wrote."""
    with fileio.open(os.path.join(uri, REJECTS_FOLDER, _RARE_ITEMS_NAME), "rb") as file:
        return bytes(file.read())


def write_report(report: Report, uri: str) -> None:
    """Writes the report beside the rejects."""
    path = os.path.join(uri, REJECTS_FOLDER, REPORT_NAME)
    write_whole(uri, path, report.to_json().encode())


def write_whole(uri: str, path: str, content: bytes) -> None:
    """Writes a file of the artifact at `uri` atomically."""
    if FileSystems.exists(path):
        return  # written by an earlier attempt at the same element
    unfinished = os.path.join(uri, _UNFINISHED_FOLDER, uuid.uuid4().hex)
    with FileSystems.create(unfinished, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        file.write(content)
    FileSystems.rename([unfinished], [path])
