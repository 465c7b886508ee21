"""File formats of a batch job: TSV for people and shells, Parquet for tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

HEADER = ("SessionId", "Rank", "ItemId", "Score")


class SessionAnswer(NamedTuple):
    """The items recommended for a session, best first."""

    session_id: bytes
    item_ids: list[bytes]
    scores: list[float]


def to_tsv(answers: Sequence[SessionAnswer]) -> bytes:
    """Returns a row per item: session id, rank from 1, item id, score.

    An id with a tab or a quote is quoted, and its quotes are doubled, as in CSV.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(HEADER)
    for answer in answers:
        rows = zip(map(_text, answer.item_ids), answer.scores, strict=True)
        for rank, (item, score) in enumerate(rows, start=1):
            writer.writerow((_text(answer.session_id), rank, item, f"{score:.7g}"))
    return text.getvalue().encode()


def to_parquet(answers: Sequence[SessionAnswer]) -> bytes:
    """Returns a row per session: `session_id`, and lists `item_ids` and `scores`."""
    items = [list(map(_text, answer.item_ids)) for answer in answers]
    table = pa.table(
        {
            "session_id": pa.array([_text(answer.session_id) for answer in answers], pa.string()),
            "item_ids": pa.array(items, pa.list_(pa.string())),
            "scores": pa.array([answer.scores for answer in answers], pa.list_(pa.float32())),
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


FORMATS: Mapping[str, Callable[[Sequence[SessionAnswer]], bytes]] = MappingProxyType(
    {"tsv": to_tsv, "parquet": to_parquet}
)
