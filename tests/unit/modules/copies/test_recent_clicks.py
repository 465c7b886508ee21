"""Clicks are read as for training, and stand by session and time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modules.config.options.sessions import SessionOptions
from modules.copies.recent_clicks import OF_THE_FUTURE, RecentClicks, read_recent_clicks
from modules.sessions.examples import decode
from modules.sessions.sessions import SessionDataError

OPTIONS = SessionOptions()
NEVER = 10**15
Row = tuple[str, str, float]


def log(file: Path, rows: list[Row]) -> str:
    """Writes a click log with times in seconds since 2015."""
    lines = [f"{session}\t{item}\t{1_420_070_400 + at}" for session, item, at in rows]
    file.write_text("\n".join(["SessionId\tItemId\tTime", *lines, ""]))
    return str(file)


def read(*files: str, options: SessionOptions = OPTIONS, **more: int) -> RecentClicks:
    return read_recent_clicks(
        [(file, options, 1.0) for file in files], **{"since": 0, "until": NEVER, **more}
    )


def items(clicks: RecentClicks) -> list[tuple[int, str]]:
    names = [item.decode() for item in clicks.item_ids[clicks.item]]
    return list(zip(clicks.session.tolist(), names, strict=True))


def test_clicks_stand_by_session_and_time_whatever_their_order(tmp_path: Path) -> None:
    file = log(tmp_path / "c.tsv", [("t", "b", 9), ("s", "c", 3), ("t", "a", 1), ("s", "a", 3)])
    clicks = read(file)
    assert items(clicks) == [(0, "a"), (0, "b"), (1, "c"), (1, "a")]  # equal times as they come
    assert clicks.sessions == 2
    assert dict(zip(clicks.item_ids.tolist(), clicks.item_counts(), strict=True)) == {
        b"a": 2,
        b"b": 1,
        b"c": 1,
    }


def test_only_clicks_of_the_given_time_are_kept(tmp_path: Path) -> None:
    file = log(tmp_path / "c.tsv", [("s", "a", 1), ("s", "b", 2), ("s", "c", 3), ("s", "d", 4)])
    second = 1_420_070_400_000
    clicks = read(file, since=second + 2000, until=second + 3000)
    assert items(clicks) == [(0, "b"), (0, "c")]
    assert clicks.rejected == {OF_THE_FUTURE: 1}
    assert items(clicks.before(second + 3000)) == [(0, "b")]
    assert items(clicks.before(second + 4000, since=second + 3000)) == [(0, "c")]
    nothing = clicks.before(0)
    assert nothing.sessions == 0 and not nothing.item_counts().any()


def test_sessions_of_two_logs_are_different_ones(tmp_path: Path) -> None:
    files = [log(tmp_path / f"{name}.tsv", [("s", name, 1), ("s", "x", 2)]) for name in "ab"]
    assert items(read(*files)) == [(0, "a"), (0, "x"), (1, "b"), (1, "x")]


def test_clicks_count_as_much_as_their_source_says(tmp_path: Path) -> None:
    whole = log(tmp_path / "whole.tsv", [("s", "a", 1), ("s", "b", 2), ("t", "a", 9)])
    tenth = log(tmp_path / "tenth.tsv", [("u", "b", 1), ("u", "c", 2)])
    clicks = read_recent_clicks([(whole, OPTIONS, 0.5), (tenth, OPTIONS, 10.0)], 0, NEVER)
    assert clicks.item_ids.tolist() == [b"a", b"b", b"c"]
    assert clicks.item_counts().tolist() == [1.0, 10.5, 10.0]
    before = clicks.before(1_420_070_405_000)
    assert before.item_counts().tolist() == [0.5, 10.5, 10.0]


@pytest.mark.parametrize("content", ["SessionId\tItemId\tTime\n", "SessionId\tIte", ""])
def test_a_file_without_rows_yet_has_no_clicks(tmp_path: Path, content: str) -> None:
    (tmp_path / "c-2.tsv").write_text(content)
    assert not len(read(str(tmp_path / "c-*.tsv")).time)
    log(tmp_path / "c-1.tsv", [("s", "a", 1)])
    assert items(read(str(tmp_path / "c-*.tsv"))) == [(0, "a")]


def test_sessions_of_visitors_are_cut_at_gaps(tmp_path: Path) -> None:
    file = log(tmp_path / "c.tsv", [("v", "a", 0), ("v", "b", 60), ("v", "c", 121), ("w", "d", 0)])
    options = SessionOptions(visitor_column="SessionId", gap_minutes=1)
    of_one = [(0, "a"), (0, "b"), (1, "c"), (2, "d")]
    assert items(read(file, options=options)) == of_one
    of_the_other = [(session + 3, item) for session, item in of_one]
    assert items(read(file, file, options=options)) == of_one + of_the_other


def test_ids_of_the_forget_file_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "forget").write_text("s\n")
    file = log(tmp_path / "c.tsv", [("s", "a", 1), ("t", "b", 2)])
    clicks = read(file, options=SessionOptions(forget_file=str(tmp_path / "forget")))
    assert items(clicks) == [(0, "b")] and clicks.item_ids.tolist() == [b"b"]


def test_bad_rows_are_counted_and_a_missing_file_is_named(tmp_path: Path) -> None:
    file = log(tmp_path / "c.tsv", [("s", "a", 1), ("", "b", 2)])
    assert sum(read(file).rejected.values()) == 1
    assert read(log(tmp_path / "d.tsv", [("s", "a", 1)])).rejected_text() == ""
    late = log(tmp_path / "l.tsv", [("s", "a", 1), ("s", "b", 2), ("s", "b", 3), ("", "c", 1)])
    text = read(late, until=1_420_070_401_000).rejected_text()
    assert text.startswith("3 bad rows: 2 future, 1 ")
    with pytest.raises(SessionDataError, match=r"nothing\.tsv matches"):
        read(str(tmp_path / "nothing.tsv"))


def test_sessions_with_a_later_click_become_examples(tmp_path: Path) -> None:
    rows = [("s", "a", 1), ("s", "b", 5), ("t", "c", 1), ("t", "d", 2), ("u", "e", 9)]
    clicks = read(log(tmp_path / "c.tsv", rows))
    ((example, times),) = clicks.examples(1_420_070_405_000)
    session = decode(example)
    assert list(session["item_ids"].bytes_list.value) == [b"a", b"b"]
    np.testing.assert_array_equal(times, session["event_times"].int64_list.value)
    assert len(list(clicks.examples(0))) == 2
