"""Random damage to files of every format: a reject with a reason or a clear stop, nothing else."""

from __future__ import annotations

import decimal
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import pyarrow as pa

from modules.config.options.sessions import SessionOptions
from modules.files.compression import BrokenFileError, open_unpacked
from modules.files.formats import codec_of
from modules.row_formats.recognised import inspect
from modules.sessions.concatenated import JoinedFilesError
from modules.sessions.row_checks import REJECT_REASONS
from modules.sessions.sessions import SessionDataError
from tests import log_formats

BEGIN = 1_442_000_000_000
PIECE = 900
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, "", " ", "a\nb", "a\rb", "\0", "[PAD]", "a__SPACE__b", "\u00a0x\u3000"),
    *([], [1], {}, {"id": 1}, [{"id": [1]}], 1.5, 7.0, -1, 2**63, 10**30, -(10**400), 1e300),
    *(float("nan"), float("inf"), "2014-04-07T10:51:09.277Z", "soon", "x" * 5000),
)


class Outcome(NamedTuple):
    """What became of a file: a message that stops the run, or the numbers of rows."""

    stop: str
    kept: int = 0
    rejected: int = 0
    reasons: frozenset[str] = frozenset()


def read(path: Path, options: SessionOptions) -> Outcome:
    """Reads a file as the pipeline does; any other error than those it handles is raised."""
    try:
        contents = inspect(str(path), options)
    except SessionDataError as error:
        return Outcome(str(error))
    kept, reasons = 0, Counter[str]()
    try:
        for part in contents.parts(path.stat().st_size, PIECE):
            for rows in part.read(str(path), options, PIECE):
                assert len({*map(len, rows[:4])}) == 1
                kept += len(rows.times)
                reasons.update(reason for reason, _, _ in rows.rejects)
    except (BrokenFileError, JoinedFilesError) as error:
        return Outcome(error.of(path))
    return Outcome("", kept, reasons.total(), frozenset(reasons))


def made_up_rows(draw: random.Random, number: int = 200) -> list[log_formats.Row]:
    """Returns rows of a log, several a session."""
    return [
        (draw.randrange(number // 4), f"item {draw.randrange(40)}", BEGIN + 1000 * at)
        for at in range(number)
    ]


def damage(content: bytes, draw: random.Random) -> bytes:
    """Returns a content with bytes changed, removed, repeated or added, or cut."""
    changed = bytearray(content)
    at = draw.randrange(len(changed))
    kind = draw.choice(("flip", "flip", "flip", "bytes", "cut", "remove", "repeat", "add", "zero"))
    if kind == "flip":
        changed[at] ^= 1 << draw.randrange(8)
    elif kind == "bytes":
        for _ in range(draw.randrange(1, 6)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    elif kind == "cut":
        del changed[at:]
    elif kind == "remove":
        del changed[at : at + draw.randrange(1, 300)]
    elif kind == "repeat":
        changed[at:at] = changed[at : at + draw.randrange(1, 300)]
    elif kind == "add":
        changed[at:at] = draw.randbytes(draw.randrange(1, 40))
    else:
        changed[at : at + draw.randrange(1, 300)] = bytes(len(changed[at : at + 5]))
    return bytes(changed)


def text_of(content: bytes) -> bytes:
    """Returns the text of a file, unpacked."""
    codec = codec_of(content[:4096])
    return open_unpacked(io.BytesIO(content), codec).read() if codec else content


def countable_lines(content: bytes) -> int:
    """Returns the number of lines that are not blank."""
    return sum(bool(line.strip()) for line in text_of(content).split(b"\n"))


def check_bytes(name: str, path: Path, draw: random.Random) -> Outcome:
    """Damages a file's bytes, and checks that nothing is lost in silence."""
    rows = made_up_rows(draw)
    content = damage(log_formats.FORMATS[name](rows), draw)
    path.write_bytes(content)
    found = read(path, SessionOptions(delimiter="," if name == "csv" else None))
    if found.stop:
        assert str(path) in found.stop, found.stop
        return found
    assert found.reasons <= {*REJECT_REASONS}
    counted = found.kept + found.rejected
    if name.endswith("parquet"):
        assert counted == len(rows), found
    elif name.endswith("avro"):
        # An Avro file that ends after a block looks whole, as text does that ends after a line.
        blocks = fastavro.block_reader(io.BytesIO(content))
        assert counted == sum(block.num_records for block in blocks), found
    elif "jsonl" in name:
        assert counted == countable_lines(content), found
    else:
        # A header's copy is no row, and a carriage return may end one.
        assert countable_lines(content) - 2 <= counted <= countable_lines(content) + 5, found
    return found


def check_nested_bytes(name: str, path: Path, draw: random.Random) -> Outcome:
    """Damages the bytes of a file of sessions with lists of events."""
    records = log_formats.nested_records(made_up_rows(draw))
    content = damage(log_formats.NESTED[name](records), draw)
    path.write_bytes(content)
    found = read(path, SessionOptions(**log_formats.OTTO))
    if found.stop:
        assert str(path) in found.stop, found.stop
    elif name == "jsonl":
        assert found.kept + found.rejected == sum(map(_events_in, content.split(b"\n")))
    else:
        assert found.kept + found.rejected
    return found


def _events_in(line: bytes) -> int:
    if not line.strip():
        return 0
    try:
        events = json.loads(line.decode(), parse_constant=lambda name: 1 / 0)["events"]
        return len(events) if isinstance(events, list) else 1
    except (ValueError, KeyError, TypeError, RecursionError, ZeroDivisionError):
        return 1


def _odd_record(draw: random.Random, record: dict[str, Any]) -> dict[str, Any]:
    name = draw.choice([*record])
    if draw.random() < 0.2:
        return {key: value for key, value in record.items() if key != name}
    return {**record, name: draw.choice(ODD_VALUES)}


def check_json_values(path: Path, draw: random.Random) -> Outcome:
    """Writes JSON lines with values of wrong types; every line must be counted."""
    records = [dict(zip(log_formats.NAMES, row, strict=True)) for row in made_up_rows(draw, 60)]
    for at in range(0, len(records), draw.randrange(1, 12)):
        records[at] = _odd_record(draw, records[at])
    path.write_bytes(log_formats.json_text(records))
    return _checked(path, SessionOptions(), len(records))


def check_nested_values(path: Path, draw: random.Random) -> Outcome:
    """Writes sessions with events of wrong types; every event must be counted."""
    records: list[Any] = log_formats.nested_records(made_up_rows(draw, 60))
    expected = 0
    for record in records:
        events = record["events"]
        if draw.random() < 0.3:
            at = draw.randrange(len(events))
            odd = draw.random() < 0.7
            events[at] = _odd_record(draw, events[at]) if odd else draw.choice(ODD_VALUES)
        if draw.random() < 0.1:
            record["session"] = draw.choice(ODD_VALUES)
        if draw.random() < 0.05:
            record["events"] = draw.choice(ODD_VALUES)
        events = record["events"]
        expected += len(events) if isinstance(events, list) else 1
    text = log_formats.json_text(records)
    path.write_bytes(text)
    # NaN and Infinity are no JSON: one such line is one reject.
    expected = sum(map(_events_in, text.split(b"\n")))
    return _checked(path, SessionOptions(**log_formats.OTTO), expected)


def _columns(draw: random.Random, number: int) -> tuple[Any, ...]:
    """Returns types of Arrow, with values for one column."""
    whole = [draw.choice((None, draw.randrange(40))) for _ in range(number)]
    texts = [draw.choice((None, "", " ", "a\nb", "\0", "x", "7")) for _ in range(number)]
    floats = [draw.choice((None, 7.0, 7.5, float("nan"), 1e300)) for _ in range(number)]
    times = [draw.choice((None, -1, 0, 2**62, BEGIN)) for _ in range(number)]
    return draw.choice(
        (
            pa.array(whole, pa.int16()),
            pa.array(whole, pa.uint64()),
            pa.array(texts),
            pa.array(texts, pa.large_string()),
            pa.array([text and text.encode() + b"\xff" for text in texts], pa.binary()),
            pa.array(texts).dictionary_encode(),
            pa.array(floats),
            pa.array([each and decimal.Decimal(each) for each in whole], pa.decimal128(20, 0)),
            pa.array(times, pa.timestamp(draw.choice(("ms", "us", "ns")), "UTC")),
            pa.array(whole, pa.date32()),
            pa.array(whole, pa.date64()) if draw.random() < 0.1 else pa.array(times),
            pa.array([[each] for each in whole]),
            pa.array([{"id": each} for each in whole]),
            pa.array([each is None for each in whole]),
            pa.array([None] * number),
        )
    )


def check_parquet_values(path: Path, draw: random.Random) -> Outcome:
    """Writes Parquet with columns of any type; every row must be counted, or the type refused."""
    rows = made_up_rows(draw, 60)
    arrays = [*map(pa.array, zip(*rows, strict=True))]
    for _ in range(draw.randrange(1, 3)):
        arrays[draw.randrange(3)] = _columns(draw, len(rows))
    table = pa.table(dict(zip(log_formats.NAMES, arrays, strict=True)))
    path.write_bytes(log_formats.parquet_bytes(table, draw.choice((7, 60))))
    return _checked(path, SessionOptions(), len(rows))


def check_avro_values(path: Path, draw: random.Random) -> Outcome:
    """Writes Avro with fields that may be nearly anything; every row must be counted."""
    odd = {"type": "record", "name": "Odd", "fields": [{"name": "id", "type": "long"}]}
    plain = ["null", "boolean", "long", "double", "string", "bytes"]
    union = [*plain, {"type": "array", "items": "long"}]
    types = ([*union, odd], [*union, "Odd"], plain)
    fields = [
        {"name": name, "type": type_} for name, type_ in zip(log_formats.NAMES, types, strict=True)
    ]
    schema = fastavro.parse_schema({"type": "record", "name": "Any", "fields": fields})
    values = (None, True, -5, 7, 7.5, 1e300, "x", "a\nb", "\0", b"\xff", {"id": 5}, [1])
    records = []
    for row in made_up_rows(draw, 60):
        record = dict(zip(log_formats.NAMES, row, strict=True))
        if draw.random() < 0.3:
            name = draw.choice(log_formats.NAMES)
            record[name] = draw.choice(values[: 9 if name == "Time" else None])
        records.append(record)
    path.write_bytes(log_formats.avro_bytes(schema, records, "deflate"))
    return _checked(path, SessionOptions(), len(records))


def _checked(path: Path, options: SessionOptions, expected: int) -> Outcome:
    found = read(path, options)
    if found.stop:
        assert str(path) in found.stop, found.stop
    else:
        assert found.kept + found.rejected == expected, found
        assert found.reasons <= {*REJECT_REASONS}
    return found


Check = Callable[[Path, random.Random], Outcome]
CHECKS: dict[str, Check] = {
    **{
        f"{name}, bytes": lambda path, draw, name=name: check_bytes(name, path, draw)
        for name in log_formats.FORMATS
    },
    **{
        f"nested {name}, bytes": lambda path, draw, name=name: check_nested_bytes(name, path, draw)
        for name in log_formats.NESTED
    },
    "jsonl, values": check_json_values,
    "nested jsonl, values": check_nested_values,
    "parquet, values": check_parquet_values,
    "avro, values": check_avro_values,
}


def run(name: str, seeds: Sequence[int], folder: Path) -> Counter[str]:
    """Runs a check with each seed, and counts the outcomes.

    Raises:
      AssertionError: rows are lost, or an error has another type; it names the seed.
    """
    outcomes: Counter[str] = Counter()
    path = folder / "clicks"
    for seed in seeds:
        draw = random.Random(f"{name} {seed}")
        try:
            found = CHECKS[name](path, draw)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {error!r}") from error
        outcomes["stopped" if found.stop else "rejected" if found.rejected else "read"] += 1
    return outcomes
