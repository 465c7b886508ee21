"""Files of a batch job hold every id and score, in order."""

from __future__ import annotations

import csv

import pyarrow as pa
import pyarrow.parquet as pq

from serving.batch_formats import SessionAnswer, to_parquet, to_tsv

ANSWERS = [
    SessionAnswer(b"7", [b"a", "ö".encode()], [0.5, -1.25]),
    SessionAnswer(b'8 "x"', [b"with\ttab"], [3.0]),
    SessionAnswer(b"9", [], []),
]


def test_tsv_has_a_row_for_each_item() -> None:
    first, *_ = to_tsv(ANSWERS).split(b"\n")
    assert first == b"SessionId\tRank\tItemId\tScore"
    rows = list(csv.reader(to_tsv(ANSWERS).decode().splitlines()[1:], delimiter="\t"))
    assert rows == [
        ["7", "1", "a", "0.5"],
        ["7", "2", "ö", "-1.25"],
        ['8 "x"', "1", "with\ttab", "3"],
    ]


def test_parquet_has_a_row_for_each_session() -> None:
    table = pq.read_table(pa.BufferReader(to_parquet(ANSWERS)))
    assert table.to_pydict() == {
        "session_id": ["7", '8 "x"', "9"],
        "item_ids": [["a", "ö"], ["with\ttab"], []],
        "scores": [[0.5, -1.25], [3.0], []],
    }
