"""A made-up shop's raw log."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.raw_log import raw_events, write
from pipeline.sample.generate import generate_sessions

SESSIONS = generate_sessions(200, shop_size=50)[0]


def test_rows_are_the_views_and_what_is_wrong_with_raw_logs() -> None:
    rows = raw_events(SESSIONS, random.Random(0))
    views = {
        (item, time) for s in SESSIONS for item, time in zip(s.item_ids, s.event_times, strict=True)
    }
    of_people = {(row.item, row.time) for row in rows if row.event == "view"}
    assert views < of_people
    assert len(rows) > len(set(rows))  # doubled
    assert {row.event for row in rows} == {"view", "cart"}
    assert sum(row.visitor == "bot" for row in rows) > 100
    assert [row.time for row in rows if row.time < 1000] == [7]
    assert rows != sorted(rows, key=lambda row: row.time)


def test_both_formats_have_the_same_rows(tmp_path: Path) -> None:
    rows = raw_events(SESSIONS, random.Random(0))
    for name in ("a.parquet", "a.jsonl"):
        write(tmp_path / name, rows)
    table = pq.read_table(tmp_path / "a.parquet").to_pylist()
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert [(row["visitor"], row["event"], row["item"]["id"]) for row in lines] == [
        row[:3] for row in rows
    ]
    assert [{**row, "time": round(row["time"].timestamp() * 1000)} for row in table] == lines
