"""The Beam graph from files of items to one table, with counts; a block of rows is an element.

A hash of the id puts the rows of an item, and its id in the log, into one of some buckets: no
worker holds more than a block of a file, or a bucket.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import uuid
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO, Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from modules.config.options.items import ItemOptions
from modules.items.item_files import ItemDataError, read_blocks
from modules.items.item_report import (
    BAD_ROW,
    IN_LOG,
    ITEMS,
    MISSING,
    REPLACED,
    ROWS_READ,
    UNKNOWN,
    ItemReport,
)
from modules.items.item_table import (
    ITEM_ID,
    as_text,
    common_schema,
    each_once,
    table_writer,
    with_ids,
    with_schema,
)
from modules.items.known_names import ITEMS_FILE
from modules.sessions.examples import read_batches

REPORT_FILE = "report.json"
_PLACE_BITS = 40  # rows of a file; the rest of 63 bits orders files
BUCKETS = 64
"""Of ids: the rows of one must fit into a worker's memory, with its ids of the log."""
_PART = "part-"
_ROWS, _LOG = "rows", "log"
_IDS_AT_ONCE = 200_000
_SHOWN = 5


def merged(reports: Iterable[tuple[Any, ...]]) -> ItemReport:
    """Returns the sum of reports."""
    counts: Counter[str] = Counter()
    ids: dict[str, list[str]] = {}
    errors: list[str] = []
    for found, shown, failed in reports:
        counts.update(found)
        for name, some in shown.items():
            ids[name] = sorted({*ids.get(name, ()), *some})[:_SHOWN]
        errors += failed
    return ItemReport(dict(counts), ids, sorted(errors))


class ReadItems(beam.DoFn):
    """Reads a file and emits its rows by bucket of ids."""

    REPORT = "report"

    def __init__(self, options: ItemOptions) -> None:
        """Keeps the options."""
        self._options = options

    def process(self, element: tuple[int, str]) -> Iterator[Any]:
        """Yields (bucket, packed rows) and a report.

        What is wrong with a file is reported, not raised: runners bury an exception's text, and
        would retry.
        """
        rank, path = element
        counts: Counter[str] = Counter()
        errors, read = [], 0
        try:
            for block in read_blocks(path, self._options, counts):
                first = (rank << _PLACE_BITS) + read
                read += len(block.ids)
                rows = with_ids(block, self._options.id_column, first, counts)
                buckets: dict[int, list[int]] = {}
                for at, item in enumerate(rows[ITEM_ID].to_pylist()):
                    buckets.setdefault(_bucket_of(item), []).append(at)
                for bucket, places in buckets.items():
                    yield bucket, _packed(rows.take(pa.array(places, pa.int64())))
        except ItemDataError as error:
            errors.append(str(error))
        counts[ROWS_READ] += read + counts[BAD_ROW]
        yield beam.pvalue.TaggedOutput(self.REPORT, ItemReport(dict(counts), {}, errors))


class LogItems(beam.DoFn):
    """Reads a file of tf.Examples and emits ids of its items by bucket, most of them once."""

    def process(self, element: tuple[str, str]) -> Iterator[tuple[int, list[bytes]]]:
        """Yields (bucket, ids)."""
        folder, name = element
        found: set[bytes] = set()
        for batch in read_batches(folder, pattern=name):
            found.update(batch.items.tolist())
            if len(found) > _IDS_AT_ONCE:
                yield from _by_bucket(found)
                found.clear()
        yield from _by_bucket(found)


class MergeBucket(beam.DoFn):
    """Keeps one row of each item of a bucket, and compares its items with those of the log."""

    REPORT = "report"

    def __init__(self, uri: str, has_log: bool) -> None:
        """Keeps the artifact's folder, and whether there are sessions to compare with."""
        self._uri, self._has_log = uri, has_log

    def process(self, element: tuple[int, dict[str, Iterable[Any]]]) -> Iterator[Any]:
        """Writes the bucket's rows; yields its file with the schema, and a report."""
        bucket, found = element
        counts: Counter[str] = Counter()
        shown: dict[str, list[bytes]] = {}
        ids: set[bytes] = set()
        if tables := [*map(_unpacked, found[_ROWS])]:
            table, shown[REPLACED] = each_once(tables, counts)
            ids.update(table[ITEM_ID].to_pylist())
            table, path = as_text(table), _part_of(self._uri, bucket)
            with _created(path) as file:
                file.write(_packed(table))
            yield bucket, path, table.schema.serialize().to_pybytes()
        counts[ITEMS] = len(ids)
        if self._has_log:
            log_items = set().union(*found[_LOG])
            counts[IN_LOG] = len(log_items)
            for name, few in ((UNKNOWN, ids - log_items), (MISSING, log_items - ids)):
                counts[name], shown[name] = len(few), heapq.nsmallest(_SHOWN, few)
        yield beam.pvalue.TaggedOutput(self.REPORT, _report(counts, shown))


class WriteItems(beam.DoFn):
    """Writes the table of all items, a bucket after the other."""

    def __init__(self, uri: str) -> None:
        """Keeps the artifact's folder."""
        self._uri = uri

    def process(self, element: tuple[None, Iterable[tuple[int, str, bytes]]]) -> None:
        """Joins the files of buckets."""
        parts = sorted(element[1])
        schemas = (pa.ipc.read_schema(pa.py_buffer(packed)) for _, _, packed in parts)
        schema = common_schema(schemas)
        with _created(os.path.join(self._uri, ITEMS_FILE)) as file:
            with table_writer(file, schema) as writer:
                for _, path, _ in parts:
                    with FileSystems.open(
                        path, compression_type=CompressionTypes.UNCOMPRESSED
                    ) as part:
                        writer.write_table(with_schema(_unpacked(part.read()), schema))


class ItemsFromFiles(beam.PTransform):
    """Reads the files of items into an artifact's folder."""

    def __init__(self, paths: list[str], options: ItemOptions, uri: str, splits: list[str]) -> None:
        """Keeps what is read, and where it is written.

        Args:
          paths: files in the order that decides which row of an item is kept.
          options: how they are read.
          uri: folder of the artifact.
          splits: folders of the splits of tf.Examples to compare with.
        """
        super().__init__()
        self._paths, self._options, self._uri, self._splits = paths, options, uri, splits

    def expand(self, pipeline: beam.Pipeline) -> Any:
        """Returns the report, one element; the files are written with it."""
        rows, read = (
            pipeline
            | "Files" >> beam.Create(list(enumerate(self._paths)))
            | "ReadItems"
            >> beam.ParDo(ReadItems(self._options)).with_outputs(ReadItems.REPORT, main="rows")
        )
        log_items = (
            pipeline
            | "Splits" >> beam.Create(self._splits)
            | "FilesOfSplits" >> beam.FlatMap(_files_of)
            | "Spread" >> beam.Reshuffle()
            | "LogItems" >> beam.ParDo(LogItems())
        )
        parts, merged_reports = (
            {_ROWS: rows, _LOG: log_items}
            | "ByBucket" >> beam.CoGroupByKey()
            | "MergeBucket"
            >> beam.ParDo(MergeBucket(self._uri, bool(self._splits))).with_outputs(
                MergeBucket.REPORT, main="parts"
            )
        )
        _ = (
            parts
            | "ToOne" >> beam.Map(lambda part: (None, part))
            | "AllParts" >> beam.GroupByKey()
            | "WriteItems" >> beam.ParDo(WriteItems(self._uri))
        )
        return (
            (read, merged_reports)
            | "Reports" >> beam.Flatten()
            | "Merged" >> beam.CombineGlobally(merged)
            | "WriteReport" >> beam.Map(_write_report, self._uri)
        )


def read_item_report(uri: str) -> ItemReport:
    """Reads the report in an artifact's folder."""
    with FileSystems.open(os.path.join(uri, REPORT_FILE)) as file:
        return ItemReport(**json.loads(file.read()))


def remove_parts(uri: str) -> None:
    """Removes the files that `items.parquet` was written from."""
    for path in tf.io.gfile.glob(os.path.join(uri, f"{_PART}*")):
        tf.io.gfile.remove(path)


def _write_report(report: tuple[Any, ...], uri: str) -> None:
    text = json.dumps(ItemReport(*report)._asdict(), sort_keys=True, ensure_ascii=False)
    with _created(os.path.join(uri, REPORT_FILE)) as file:
        file.write(text.encode())


def _report(counts: Counter[str], shown: dict[str, list[bytes]]) -> ItemReport:
    ids = {
        name: [item.decode("utf-8", "replace") for item in some[:_SHOWN]]
        for name, some in shown.items()
    }
    return ItemReport(dict(counts), ids)


def _files_of(folder: str) -> list[tuple[str, str]]:
    files = tf.io.gfile.glob(os.path.join(folder, "*"))
    return [(folder, os.path.basename(path)) for path in files]


def _bucket_of(item: bytes) -> int:
    return zlib.crc32(item) % BUCKETS


def _by_bucket(items: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    buckets: dict[int, list[bytes]] = {}
    for item in items:
        buckets.setdefault(_bucket_of(item), []).append(item)
    yield from buckets.items()


def _part_of(uri: str, bucket: int) -> str:
    return os.path.join(uri, f"{_PART}{bucket:03}")


def _packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _unpacked(packed: bytes) -> pa.Table:
    return pa.ipc.open_stream(packed).read_all()


@contextlib.contextmanager
def _created(path: str) -> Iterator[IO[bytes]]:
    """Creates a file atomically: a worker may process an element twice."""
    unfinished = f"{path}.{uuid.uuid4().hex}"
    with FileSystems.create(unfinished, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        yield file
    if FileSystems.exists(path):
        FileSystems.delete([unfinished])  # written by an earlier attempt
    else:
        FileSystems.rename([unfinished], [path])
