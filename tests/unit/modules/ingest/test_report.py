"""The report of a run and its bad rows, as text and as files."""

from __future__ import annotations

import json
from pathlib import Path

from modules.ingest.report import REJECTS_FOLDER, REPORT_NAME, Reject, Report, read_report
from modules.messages.quoting import MOST_CHARACTERS

REJECT = Reject("train", 0, 5, "a.tsv", "time", "é\ud7ff")


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    report = Report({"train.rows_read": 2, "train.items": 2}, [REJECT], ["broken"])
    assert Report.from_json(report.to_json()) == report
    (tmp_path / REJECTS_FOLDER).mkdir()
    (tmp_path / REJECTS_FOLDER / REPORT_NAME).write_text(report.to_json(), "utf-8")
    assert read_report(str(tmp_path)) == report


def test_a_bad_row_is_cut_once_however_often_it_is_cut() -> None:
    row = REJECT._replace(text="x" * (MOST_CHARACTERS + 7))
    assert row.cut() == REJECT._replace(text="x" * MOST_CHARACTERS, more=7) == row.cut().cut()
    assert row.quoted() == row.cut().quoted() == f"'{'x' * MOST_CHARACTERS}' and 7 more characters"
    assert REJECT.cut() == REJECT


def test_the_file_of_bad_rows_has_their_whole_text() -> None:
    row = REJECT._replace(text="é" * 10_000)
    assert json.loads(row.to_json()) == {
        "split": "train",
        "file": "a.tsv",
        "offset": 5,
        "reason": "time",
        "text": "é" * 10_000,
    }
    assert "é" in row.to_json()  # people read it


def test_bad_rows_are_sorted_by_split_file_and_offset() -> None:
    ordered = [
        Reject("eval", 1, 0, "a.tsv", "time", "z"),
        Reject("train", 0, 9, "b.tsv", "time", "y"),
        Reject("train", 0, 10, "b.tsv", "empty_id", "x"),
        Reject("train", 1, 0, "a.tsv", "time", "w"),
    ]
    assert sorted(reversed(ordered)) == ordered
