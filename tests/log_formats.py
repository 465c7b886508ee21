"""The same click log in every format that is read."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import json
import lzma
from collections.abc import Callable, Sequence
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from tests.click_files import zstd

NAMES = ("SessionId", "ItemId", "Time")
Row = tuple[Any, Any, Any]


def tsv(rows: Sequence[Row]) -> bytes:
    lines = ["\t".join(NAMES), *("\t".join(map(_text, row)) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def csv(rows: Sequence[Row]) -> bytes:
    lines = [
        ",".join(NAMES),
        *(f'{session},"{_text(item)}",{time}' for session, item, time in rows),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def json_lines(rows: Sequence[Row]) -> bytes:
    return json_text([dict(zip(NAMES, row, strict=True)) for row in rows])


def json_text(records: Sequence[Any]) -> bytes:
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def parquet(rows: Sequence[Row], group: int = 70, **options: Any) -> bytes:
    columns = zip(*rows, strict=True)
    table = pa.table(dict(zip(NAMES, map(pa.array, columns), strict=True)))
    return parquet_bytes(table, group, **options)


def parquet_bytes(table: Any, group: int = 70, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=group, version="2.6", **options)
    return file.getvalue()


def parquet_times(rows: Sequence[Row]) -> bytes:
    """Times as timestamps with a zone, items as a dictionary, another column between them."""
    sessions, items, times = map(list, zip(*rows, strict=True))
    table = pa.table(
        {
            "ItemId": pa.array(items).dictionary_encode(),
            "Title": pa.array([f"title {number}" for number in range(len(rows))]),
            "Time": pa.array(times, pa.timestamp("ms", "Europe/Berlin")),
            "SessionId": pa.array(sessions, pa.int32()),
        }
    )
    return parquet_bytes(table, 64, compression="zstd")


AVRO = {
    "type": "record",
    "name": "Click",
    "fields": [
        {"name": "SessionId", "type": ["null", "long"]},
        {"name": "Title", "type": "string"},
        {"name": "ItemId", "type": ["null", "string"]},
        {"name": "Time", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}


def avro(rows: Sequence[Row], codec: str = "deflate") -> bytes:
    records = [{"Title": "x", **dict(zip(NAMES, row, strict=True))} for row in rows]
    return avro_bytes(AVRO, records, codec)


def avro_bytes(schema: Any, records: Sequence[Any], codec: str = "null", sync: int = 700) -> bytes:
    """Returns a file of several blocks of about `sync` bytes."""
    file = io.BytesIO()
    parsed = fastavro.parse_schema(schema)
    fastavro.writer(file, parsed, records, codec, sync_interval=sync)
    return file.getvalue()


FORMATS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "tsv": tsv,
    "csv": csv,
    "tsv.gz": lambda rows: gzip.compress(tsv(rows)),
    "jsonl": json_lines,
    "jsonl.gz": lambda rows: gzip.compress(json_lines(rows)),
    "jsonl.bz2": lambda rows: bz2.compress(json_lines(rows)),
    "jsonl.xz": lambda rows: lzma.compress(json_lines(rows)),
    "jsonl.zst": lambda rows: zstd(json_lines(rows)),
    "parquet": parquet,
    "times.parquet": parquet_times,
    "avro": avro,
    "plain.avro": lambda rows: avro(rows, "null"),
}


def nested_records(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Sessions as OTTO writes them, a list of events each."""
    sessions: dict[Any, list[dict[str, Any]]] = {}
    for session, item, time in rows:
        sessions.setdefault(session, []).append({"aid": item, "ts": time, "type": "clicks"})
    return [{"session": session, "events": events} for session, events in sessions.items()]


OTTO = {
    "layout": "nested",
    "session_column": "session",
    "item_column": "aid",
    "time_column": "ts",
    "event_column": "type",
    "event_types": ("clicks",),
}
OTTO_AVRO = {
    "type": "record",
    "name": "Session",
    "fields": [
        {"name": "session", "type": "long"},
        {
            "name": "events",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Event",
                    "fields": [
                        {"name": "aid", "type": "string"},
                        {"name": "ts", "type": "long"},
                        {"name": "type", "type": "string"},
                    ],
                },
            },
        },
    ],
}
NESTED: dict[str, Callable[[Sequence[dict[str, Any]]], bytes]] = {
    "jsonl": json_text,
    "parquet": lambda records: parquet_bytes(pa.Table.from_pylist([*records]), 20),
    "avro": lambda records: avro_bytes(OTTO_AVRO, records, "deflate"),
}


def utc(ms: int) -> datetime.datetime:
    """Returns a time in milliseconds as Python has it."""
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(
        milliseconds=ms
    )
