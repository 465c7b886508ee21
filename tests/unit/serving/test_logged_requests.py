"""The request log's rows are read as they were written, and as a click log."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.config.options.sessions import SessionOptions
from modules.sessions.click_header import read_header
from modules.sessions.click_log import parse_rows
from serving.logged_requests import (
    HEADER,
    LoggedRequest,
    log_files,
    read_line,
    read_requests,
)

REQUEST = LoggedRequest(
    "s 1", 1.5e9, "ab12", ('5"', "a\tb", "é"), 7, "stable", "recommend", ("x", '"y'), 2.25
)


def test_a_row_is_read_as_it_was_written() -> None:
    assert read_line(REQUEST.line()) == REQUEST


def test_rows_are_clicks_on_the_latest_item(tmp_path: Path) -> None:
    columns = read_header(HEADER.encode(), str(tmp_path / "a.tsv"), SessionOptions())
    rows = parse_rows(REQUEST.line().encode(), len(HEADER), columns)
    assert (rows.session_ids, rows.item_ids) == ([b"s 1"], ["é".encode()])
    assert (rows.times, rows.rejects) == ([1_500_000_000_000], [])


def test_what_ends_a_field_is_a_blank_in_the_ids_of_the_click() -> None:
    line = REQUEST._replace(session_id="a\tb", items=("c\nd",)).line()
    assert line.split("\t")[:2] == ["a b", "c d"]
    assert read_line(line).items == ("c\nd",)


@pytest.mark.parametrize(
    "line",
    [
        *("", "a\tb", REQUEST.line()[:-30], REQUEST.line().replace("[", "{")),
        REQUEST.line().replace("[", "[" * 5_000, 1),
        REQUEST._replace(time=1e11).line(),
        REQUEST._replace(time=float("nan")).line(),
    ],
)
def test_a_row_that_is_not_whole_is_none(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_line(line)
    (tmp_path / "requests-2026-11-30T21-7.tsv").write_text(HEADER + REQUEST.line() + line)
    found = list(read_requests(log_files(tmp_path)))
    assert found == [REQUEST, None] if line else [REQUEST]
