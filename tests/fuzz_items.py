"""Random damage to files of items: every row is kept or counted, or there is a clear stop."""

from __future__ import annotations

import bz2
import csv
import datetime
import decimal
import gzip
import io
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from modules.config.options.items import ItemOptions
from modules.items.item_files import ItemDataError, read_blocks
from modules.items.item_report import BAD_ROW
from modules.items.item_table import as_text, each_once, table_writer, with_ids
from modules.items.known_names import ITEMS_FILE, names_of
from tests import fuzz_formats, log_formats
from tests.click_files import zstd

NAMES = ("id", "name", "kinds", "price")
OPTIONS = {"id_column": "id", "name_column": "name", "category_column": "kinds"}
ODD_VALUES = (
    *fuzz_formats.ODD_VALUES,
    *("\ud800", ["a", None], [None], ["a", 1], [1.5], [[1], ["a"]], {"a": float("nan")}),
)
Row = dict[str, Any]


def made_up_rows(draw: random.Random, number: int = 150) -> list[Row]:
    """Returns rows of a catalogue, some of them of one item."""
    return [
        {
            "id": f"item {draw.randrange(number)}",
            "name": f'A "good" name, {at}',
            "kinds": ["shoes", "sale", f"kind {at % 7}"][: draw.randrange(4)],
            "price": draw.choice((None, at / 2)),
        }
        for at in range(number)
    ]


def _delimited(rows: Sequence[Row], delimiter: str) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(NAMES)
    writer.writerows([row["id"], row["name"], " ".join(row["kinds"]), row["price"]] for row in rows)
    return file.getvalue().encode()


def _tsv(rows: Sequence[Row]) -> bytes:
    lines = (f"{row['id']}\t{row['name']}\t{len(row['kinds'])}\t{row['price']}" for row in rows)
    return "".join(f"{line}\n" for line in ("\t".join(NAMES), *lines)).encode()


def _typed(rows: Sequence[Row]) -> bytes:
    """Parquet with a type of each kind, and the lists of other writers."""
    number = len(rows)
    texts = pa.list_(pa.field("element", pa.string()))
    table = pa.table(
        {
            "at": pa.array(range(number), pa.timestamp("ms", "Europe/Berlin")),
            "kinds": pa.array([row["kinds"] for row in rows], texts),
            "id": pa.array([row["id"] for row in rows]).dictionary_encode(),
            "name": pa.array([row["name"] for row in rows], pa.large_string()),
            "price": pa.array([decimal.Decimal("1.50")] * number),
            "size": pa.array([{"x": at, "y": [at]} for at in range(number)]),
            "day": pa.array([datetime.date(2020, 1, 1)] * number),
        }
    )
    return log_formats.parquet_bytes(table, 64, compression="zstd")


FORMATS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "tsv": _tsv,
    "csv": lambda rows: _delimited(rows, ","),
    "csv.gz": lambda rows: gzip.compress(_delimited(rows, ","), mtime=0),
    "jsonl": log_formats.json_text,
    "jsonl.bz2": lambda rows: bz2.compress(log_formats.json_text(rows)),
    "jsonl.zst": lambda rows: zstd(log_formats.json_text(rows)),
    "parquet": lambda rows: log_formats.parquet_bytes(pa.Table.from_pylist(rows), 64),
    "typed.parquet": _typed,
}


def read(paths: Sequence[Path], options: ItemOptions) -> tuple[str, int, int]:
    """Reads files as the pipeline does, up to names.

    Returns:
      What stopped it, "" for nothing, the number of rows read, and that of those counted.
    """
    counts: Counter[str] = Counter()
    tables: list[pa.Table] = []
    read = 0
    try:
        for rank, path in enumerate(paths):
            bad: Counter[str] = Counter()
            for block in read_blocks(str(path), options, bad):
                tables.append(with_ids(block, options.id_column, (rank << 40) + read, counts))
                read += len(block.ids)
            counts[BAD_ROW] += bad[BAD_ROW]
            read += bad[BAD_ROW]
    except ItemDataError as error:
        assert any(str(path) in str(error) for path in paths), error
        return str(error), 0, 0
    if not tables:
        return "", read, counts.total()
    half = len(tables) // 2
    once = [each_once(some, counts)[0] for some in (tables[:half], tables[half:]) if some]
    table = as_text(each_once(once, counts)[0])
    folder = paths[0].parent / "table"
    folder.mkdir(exist_ok=True)
    with (folder / ITEMS_FILE).open("wb") as file, table_writer(file, table.schema) as writer:
        writer.write_table(table)
    names_of(str(folder), options)
    counted = len(table) + counts.total()
    assert counted == read, (counted, read)
    return "", read, counted - len(table)


def check_bytes(name: str, folder: Path, draw: random.Random) -> tuple[str, int]:
    """Damages a file's bytes."""
    rows = made_up_rows(draw)
    content = fuzz_formats.damage(FORMATS[name](rows), draw)
    path = folder / f"items.{name}"
    path.write_bytes(content)
    stop, read_rows, counted = read([path], ItemOptions(**OPTIONS))
    if not stop and name.endswith("parquet"):
        assert read_rows == len(rows)
    elif not stop and "jsonl" in name:
        assert read_rows == fuzz_formats.countable_lines(content)
    elif not stop and name == "tsv":  # without quotes: a row is a line
        lines = fuzz_formats.countable_lines(content)
        assert lines - 2 <= read_rows <= lines + 5
    return stop, counted


def check_values(folder: Path, draw: random.Random) -> tuple[str, int]:
    """Writes several files with values of wrong types, of several formats."""
    paths, expected = [], 0
    for number in range(draw.randrange(1, 4)):
        rows = made_up_rows(draw, 30)
        for _ in range(draw.choice((0, 1, 3))):
            draw.choice(rows)[draw.choice([*NAMES, "more"])] = draw.choice(ODD_VALUES)
        path = folder / f"values {number}"
        path.write_bytes(
            log_formats.json_text(rows) if draw.random() < 0.6 else _parquet_of(rows, draw)
        )
        paths.append(path)
        expected += len(rows)
    stop, read_rows, counted = read(paths, ItemOptions(**OPTIONS))
    assert stop or read_rows == expected
    return stop, counted


def _parquet_of(rows: Sequence[Row], draw: random.Random) -> bytes:
    """Returns Parquet with two columns of nearly any type."""
    columns = {name: [row[name] for row in rows] for name in NAMES}
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowException, UnicodeError, OverflowError, TypeError):
            arrays[name] = pa.array([str(value).encode("utf-8", "replace") for value in values])
    for name in draw.sample([*NAMES[1:], "more"], 2):
        arrays[name] = fuzz_formats._columns(draw, len(rows))
    return log_formats.parquet_bytes(pa.table(arrays), draw.choice((7, 60)))


CHECKS: dict[str, Callable[[Path, random.Random], tuple[str, int]]] = {
    **{
        f"{name}, bytes": lambda folder, draw, name=name: check_bytes(name, folder, draw)
        for name in FORMATS
    },
    "values": check_values,
}


def run(name: str, seeds: Sequence[int], folder: Path) -> Counter[str]:
    """Runs a check with each seed, and counts the outcomes.

    Raises:
      AssertionError: rows are lost, or an error has another type; it names the seed.
    """
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        try:
            stop, counted = CHECKS[name](folder, random.Random(f"items {name} {seed}"))
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {error!r}") from error
        outcomes["stopped" if stop else "counted" if counted else "read"] += 1
    return outcomes
