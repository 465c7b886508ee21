"""A request log as columns: whole rows, each once, in order of time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.monitor.requests import MOST_ANSWERS, NO_ITEM, LogError, read_columns, recent_files
from serving.logged_requests import HEADER, log_files
from tests.request_logs import HOUR, START, read, request, write_log


def test_rows_become_numbers_in_order_of_time(tmp_path):
    rows = [
        request("s2", 2, items=("b", "c"), version=8, label="canary", answers=()),
        request("s1", 1, items=("a",), answers=("c", "a")),
        request("s2", 3, items=()),
    ]
    found = read(tmp_path, rows)
    assert [list(found.session_ids)[session] for session in found.session] == [b"s1", b"s2", b"s2"]
    assert (found.time - 1000 * START).tolist() == [1000, 2000, 3000]
    assert (found.version.tolist(), found.lengths().tolist()) == ([7, 8, 7], [1, 2, 0])
    assert [found.labels[label] for label in found.label] == ["stable", "canary", "stable"]
    ids = found.item_ids.ids()
    assert [[ids[item] for item in found.items_of([row])] for row in range(3)] == [
        *([b"a"], [b"b", b"c"], [])
    ]
    answers = [[ids[item] for item in row if item != NO_ITEM] for row in found.answers]
    assert answers[:2] == [[b"c", b"a"], []] and len(answers[2]) == MOST_ANSWERS
    assert [ids[item] if item >= 0 else None for item in found.latest_items()] == [
        *(b"a", b"c", None)
    ]


def test_items_of_some_requests_follow_each_other(tmp_path):
    found = read(tmp_path, [request("s", at, items=tuple("abc"[: at + 1])) for at in range(3)])
    ids = found.item_ids.ids()
    assert [ids[item] for item in found.items_of([2, 0])] == [b"a", b"b", b"c", b"a"]
    known = found.item_ids.known([b"a", b"c", b"not logged"])
    chosen = np.array([True, False, True])
    assert found.counts_of(chosen, known).tolist() == [1, 2]


def test_requests_without_a_session_id_are_sessions_of_their_own(tmp_path):
    found = read(tmp_path, [request(" ", 1), request("", 2), request("s ", 3), request("s", 4)])
    assert len(set(found.session.tolist())) == 3
    assert found.session[2] == found.session[3] < min(found.session[:2])


def test_a_row_that_is_in_two_files_counts_once(tmp_path):
    rows = [request("s", at) for at in range(3)]
    write_log(tmp_path, rows, "1")
    write_log(tmp_path, [*rows[1:], request("s", 9)], "2")
    found = read_columns(log_files(tmp_path))
    assert (len(found), found.repeated, found.broken) == (4, 2, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"time": float("nan")},
        {"time": float("inf")},
        {"time": 1e15},
        {"time": -5.0},
        {"milliseconds": float("nan")},
        {"milliseconds": -1.0},
        {"version": 10**30},
        {"version": -1},
    ],
)
def test_a_row_with_impossible_values_is_left_out(tmp_path, changes):
    found = read(tmp_path, [request(), request(**changes)])
    assert (len(found), found.broken) == (1, 1)


def test_half_a_row_and_a_file_of_something_else_are_left_out(tmp_path):
    line = request().line()
    write_log(tmp_path, [request("s", 1)])
    (tmp_path / "requests-2-a.tsv").write_text(HEADER + line + line[: len(line) // 2])
    (tmp_path / "requests-3-b.tsv").write_bytes(b"\xff\x00\n" * 5)
    (tmp_path / "requests-4-c.tsv").write_bytes(b"")
    found = read_columns(log_files(tmp_path))
    assert (len(found), found.broken) == (2, 6)


def test_half_a_character_in_an_id_is_replaced(tmp_path):
    line = request().line().replace('["a"]', json.dumps(["\ud800"]))
    (tmp_path / "requests-1.tsv").write_text(HEADER + line)
    found = read_columns(log_files(tmp_path))
    assert b"?" in found.item_ids.ids()


def test_only_the_last_hours_count_if_so_wanted(tmp_path):
    write_log(tmp_path, [request("s", at * HOUR) for at in range(5)])
    found = read_columns(log_files(tmp_path), hours=1.5)
    assert (found.time - found.time[-1]).tolist() == [-3_600_000, 0]


def test_files_of_earlier_hours_are_not_even_read():
    hours = ("2026-11-29T21", "2026-11-30T18", "2026-11-30T19", "2026-11-30T21", "2026-99-30T21")
    files = [Path("x") / f"requests-{hour}-7.tsv" for hour in hours]
    assert recent_files(files, 1.0) == files[2:]
    assert recent_files(files, 24.0) == files
    assert recent_files(files[:1], 1.0) == files[:1]
    assert recent_files(files, None) == files and recent_files([], 1.0) == []


def test_an_empty_log_has_no_requests(tmp_path):
    found = read(tmp_path, [])
    assert len(found) == 0 and found.answers.shape == (0, MOST_ANSWERS)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "requests-1.tsv").mkdir()
    with pytest.raises(LogError, match=r"requests-1\.tsv: the request log cannot be read"):
        read_columns(log_files(tmp_path))
