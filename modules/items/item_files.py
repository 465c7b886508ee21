"""Reads files of items in blocks of rows: delimited text, Parquet, JSON lines, by their content.

Parsing is pyarrow's, of Parquet in a process of its own, which a damaged file may crash; which
delimiter and quotes a text has is decided as for click logs.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from modules.config.options.items import ItemOptions
from modules.files import patterns
from modules.files.characters import BLANKS, is_not_utf8
from modules.files.compression import BrokenFileError, as_file, open_unpacked
from modules.files.file_systems import FilePatternError
from modules.files.formats import SAMPLE_BYTES, WRITE_AS_UTF8, codec_of
from modules.files.row_fields import USUAL_DELIMITERS, csv_fields, delimiter_by_name, quoting_of
from modules.items.item_report import BAD_ROW
from modules.items.item_table import ItemBlock
from modules.items.item_types import NO_VALUE, column_of, values_of
from modules.items.item_values import categories_of, item_id_of
from modules.messages.quoting import quote
from modules.row_formats import arrow_columns
from modules.row_formats.parquet_process import ask
from modules.row_formats.values import Number, id_of
from modules.sessions.click_header import check_text
from modules.sessions.sessions import SessionDataError

_HEADER_BYTES = 1 << 20
_BLOCK_BYTES = 8 << 20  # of text; no row may be longer
_BLOCK_ROWS = 20_000
_PARQUET = b"PAR1"
# Stands for bytes that are not UTF-8, since pyarrow's handler of bad rows fails on them. Unicode
# keeps this character out of texts.
_MARK = "\U0010ffff"
_MARKING = "mark bytes that are not UTF-8"
_ERRORS = (OSError, BrokenFileError, tf.errors.OpError, pa.ArrowException, UnicodeDecodeError)


class ItemDataError(SessionDataError):
    """The items' files cannot be used; the message names file, column and what was found."""


def find_item_files(pattern: str) -> list[str]:
    """Returns the files of a pattern, sorted by name.

    Raises:
      ItemDataError: there is none, or they cannot be listed.
    """
    try:
        paths = patterns.find_files(pattern)
    except FilePatternError as error:
        raise ItemDataError(f"items.file: {error}") from error
    if not paths:
        there = patterns.what_is_there(pattern)
        raise ItemDataError(
            f"items.file: no file matches {pattern}"
            + ("." if there == "nothing" else f", {there}.")
        )
    return paths


def check_columns(path: str, options: ItemOptions, features: Sequence[str] = ()) -> None:
    """Reads the beginning of a file.

    Args:
      path: path or URI of the file.
      options: names of columns that it must have.
      features: names of further ones, from `model.item_features`.

    Raises:
      ItemDataError: it cannot be read, is empty, or lacks a column.
    """
    block = next(read_blocks(path, options, Counter()), None)
    found = block.table.column_names if block else features
    for name in features:
        if name not in found:
            raise ItemDataError(
                f"{path} has no column {quote(name)}, but {_some(found)}. Set model.item_features."
            )


def read_values(
    pattern: str, options: ItemOptions, columns: Sequence[str], item_ids: Sequence[bytes]
) -> dict[str, list[tuple[str, ...]]]:
    """Returns the values of items in columns, as `categories_of` returns them.

    Args:
      pattern: path, pattern or URI of the files; of an item's rows the last one counts.
      options: name of the column of ids.
      columns: names of columns of values.
      item_ids: ids of the items.

    Returns:
      By column, an entry for each item in this order; () for one without a row or value.

    Raises:
      ItemDataError: a file cannot be used, or lacks a column.
    """
    place = {item: number for number, item in enumerate(item_ids)}
    found: dict[str, list[tuple[str, ...]]] = {column: [()] * len(place) for column in columns}
    for path in find_item_files(pattern):
        check_columns(path, options, columns)
        for block in read_blocks(path, options, Counter()):
            ids = [item_id_of(each)[0] for each in block.ids]
            rows = [row for row, item in enumerate(ids) if item in place]
            for column in set(columns) & set(block.table.column_names):
                values = values_of(block.table[column].take(pa.array(rows, pa.int64())))
                for row, value in zip(rows, values, strict=True):
                    found[column][place[ids[row]]] = categories_of(value)
    return found


def read_blocks(path: str, options: ItemOptions, counts: Counter[str]) -> Iterator[ItemBlock]:
    """Yields the rows of a file, with all of its columns.

    Text has columns of strings, and JSON those that the block's values have.

    Args:
      path: path or URI of the file.
      options: which columns are needed.
      counts: rows that cannot be read are added as `BAD_ROW`.

    Raises:
      ItemDataError: it cannot be read, is empty, or lacks a column that the options name.
    """
    try:
        with _opened(path, "") as raw:
            sample = raw.read(SAMPLE_BYTES)
        codec = codec_of(sample)
        with _opened(path, codec) as text:
            if codec:
                sample = text.read(SAMPLE_BYTES)
        if codec and sample.startswith(_PARQUET):
            raise ItemDataError(f"{path} is a Parquet file inside {codec}: unpack it first.")
        kind = _kind(sample, path)
        with _opened(path, codec) as text:
            yield from kind(text, path, options, counts)
    except ItemDataError:
        raise
    except SessionDataError as error:  # what is wrong with a first line
        raise ItemDataError(str(error)) from error
    except _ERRORS as error:
        raise ItemDataError(f"{path} cannot be read: {error}") from error


@contextlib.contextmanager
def _opened(path: str, codec: str) -> Iterator[IO[bytes]]:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as raw:
        yield open_unpacked(raw, codec) if codec else raw


def _kind(sample: bytes, path: str) -> Callable[..., Iterator[ItemBlock]]:
    if sample.startswith(_PARQUET):
        return _read_parquet
    start = sample.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"[":
        raise ItemDataError(
            f"{path} is a JSON array: write one object a line, for example with: jq -c '.[]' FILE"
        )
    return _read_json_lines if start == b"{" else _read_text


def _read_parquet(
    file: IO[bytes], path: str, options: ItemOptions, counts: Counter[str]
) -> Iterator[ItemBlock]:
    (_, schema), (_, facts) = ask(file, {"paths": [], "count": None})
    names, groups = pa.ipc.read_schema(pa.py_buffer(schema)).names, json.loads(facts)
    _check_names(names, path, options)
    if not sum(rows for rows, *_ in groups):
        raise ItemDataError(f"{path} has no rows.")
    columns = [[name] for name in names]
    for _, payload in ask(file, {"start": 0, "end": len(groups), "paths": columns}):
        batch = pa.ipc.open_stream(payload).read_next_batch()
        batch.validate(full=True)  # texts may not be UTF-8
        _check_values(batch, path)
        yield _block_of(batch, options)


def _check_values(batch: pa.RecordBatch, path: str) -> None:
    """Raises ItemDataError if a value cannot become one of Python's."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values_of(column)
        except NO_VALUE as error:
            raise ItemDataError(
                f"{path} has a value in column {quote(name)}, of type {column.type}, that cannot "
                f"be read: {error}"
            ) from error


def _block_of(batch: pa.RecordBatch, options: ItemOptions) -> ItemBlock:
    ids = batch.column(batch.schema.get_field_index(options.id_column))
    if arrow_columns.is_id(ids.type):
        found = arrow_columns.ids(ids)
    else:
        found = [None if each else b"" for each in ids.is_valid().to_pylist()]
    return ItemBlock(found, pa.Table.from_batches([batch]))


def _read_json_lines(
    file: IO[bytes], path: str, options: ItemOptions, counts: Counter[str]
) -> Iterator[ItemBlock]:
    names: dict[str, None] = {}  # of all blocks so far, so that they all have the needed ones
    found = _objects(file, options.id_column, counts)
    while block := list(itertools.islice(found, _BLOCK_ROWS)):
        ids, rows = zip(*block, strict=True)
        names |= dict.fromkeys(name for row in rows for name in row)
        _check_names(list(names), path, options)
        columns = {name: column_of([row.get(name) for row in rows]) for name in names}
        yield ItemBlock(ids, pa.table(columns))
    if not names:
        raise ItemDataError(f"{path} has no rows: expected a JSON object on each line.")


def _objects(
    file: IO[bytes], id_column: str, counts: Counter[str]
) -> Iterator[tuple[bytes | None, dict[str, Any]]]:
    for line in file:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict) and row:
            yield _id_in(row, line, id_column), row
        else:
            counts[BAD_ROW] += 1


def _id_in(row: dict[str, Any], line: bytes, name: str) -> bytes | None:
    value = row.get(name)
    if type(value) is float:  # the text may have more digits
        value = json.loads(line, parse_float=Number)[name]
    return id_of(value)


def _read_text(
    file: IO[bytes], path: str, options: ItemOptions, counts: Counter[str]
) -> Iterator[ItemBlock]:
    line = check_text(file.readline(_HEADER_BYTES), path)
    if not line.strip():
        raise ItemDataError(f"{path} is empty: expected the names of columns, and rows.")
    if is_not_utf8(line):
        raise ItemDataError(f"{path} has a first line that is not UTF-8: {WRITE_AS_UTF8}.")
    delimiter = options.delimiter or delimiter_by_name(path)
    quoting = quoting_of(line, delimiter, "auto")
    text = line.decode()
    fields = csv_fields(text, delimiter) if quoting == "csv" else text.split(delimiter)
    names = [field.strip(BLANKS) for field in fields]
    _check_names(names, path, options, _split_hint(text, delimiter, options))

    def skip(row: Any) -> str:
        counts[BAD_ROW] += 1
        return "skip"

    try:
        reader = pyarrow.csv.open_csv(
            as_file(_valid_blocks(file)),
            pyarrow.csv.ReadOptions(block_size=_BLOCK_BYTES, column_names=names),
            pyarrow.csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoting == "csv" else False,
                newlines_in_values=quoting == "csv",
                invalid_row_handler=skip,
            ),
            pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            raise ItemDataError(f"{path} has no rows after its first line.") from error
        raise
    read = 0
    for batch in reader:
        read += len(batch)
        yield _block_of(_without_marked(batch, counts), options)
    if not read and not counts[BAD_ROW]:
        raise ItemDataError(f"{path} has no rows after its first line.")


def _valid_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yields a text in UTF-8, with a mark in place of bytes that are not."""
    decoder = codecs.getincrementaldecoder("utf-8")(_MARKING)
    while block := file.read(_BLOCK_BYTES):
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()


def _marked(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return _MARK, error.end


codecs.register_error(_MARKING, _marked)


def _without_marked(batch: pa.RecordBatch, counts: Counter[str]) -> pa.RecordBatch:
    """Returns rows without those that were not UTF-8."""
    is_bad = [pc.match_substring(column, _MARK) for column in batch.columns]
    good = batch.filter(pc.invert(functools.reduce(pc.or_, is_bad)))
    counts[BAD_ROW] += len(batch) - len(good)
    return good


def _split_hint(line: str, delimiter: str, options: ItemOptions) -> str:
    """Returns a sentence on how a first line was split, and whether it should be otherwise."""
    needed = {getattr(options, option) for option in options.column_options()}
    for other in USUAL_DELIMITERS:
        fields = csv_fields(line, other) or line.split(other)
        if needed <= {field.strip(BLANKS) for field in fields}:
            return f" Split at {other!r} it has all of them: set items.delimiter to it. Or: "
    return f" Its first line was split at {delimiter!r}, which items.delimiter changes. "


def _some(names: Sequence[str]) -> str:
    return ", ".join(quote(name, 50) for name in names[:20]) + (", ..." if len(names) > 20 else "")


def _check_names(names: Sequence[str], path: str, options: ItemOptions, more: str = "") -> None:
    """Raises ItemDataError if a needed column is not there, or a name stands for two."""
    found = _some(names)
    for option in options.column_options():
        if getattr(options, option) not in names:
            raise ItemDataError(
                f"{path} has no column {quote(getattr(options, option))}, but {found or 'none'}."
                f"{more or ' '}Set items.{option}."
            )
    if twice := [name for name in names if names.count(name) > 1]:
        raise ItemDataError(f"{path} has more than one column {quote(twice[0])}: rename one.")
