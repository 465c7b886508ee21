"""Days of a click log."""

from __future__ import annotations

from pathlib import Path

from benchmarks.common.daily_sessions import (
    WINDOW,
    Session,
    day_of,
    in_days,
    read_sessions,
    write_days,
)

HOUR = 3_600_000


def test_sessions_are_read_in_time_order_and_ids_may_recur_in_another_file(tmp_path: Path) -> None:
    header = "SessionId\tItemId\tTime\n"
    (tmp_path / "one.tsv").write_text(f"{header}7\tb\t20\n7\ta\t10\n8\tc\t5\n")
    (tmp_path / "two.tsv").write_text(f"{header}7\td\t3\n7\td\t4\n")
    found = read_sessions([tmp_path / "one.tsv", tmp_path / "two.tsv"])
    assert found == [Session([b"d", b"d"], [3, 4]), Session([b"a", b"b"], [10, 20])]


def test_days_begin_at_three_or_have_equal_numbers_of_sessions() -> None:
    sessions = [Session([b"a"], [hour * HOUR]) for hour in (1, 2, 3, 26, 27)]
    assert [[s.start // HOUR for s in day] for day in in_days(sessions, None)] == [
        [1, 2],
        [3, 26],
        [27],
    ]
    assert [len(day) for day in in_days(sessions, 2)] == [2, 2, 1]


def test_a_model_learns_the_days_before_and_eval_is_the_last_of_them() -> None:
    days = [[Session([b"a"], [number])] for number in range(WINDOW + 2)]
    day = day_of(days, WINDOW)
    assert [session.start for session in day.train] == list(range(WINDOW - 1))
    starts = [part[0].start for part in (day.evaluation, day.test, day.next)]
    assert starts == [WINDOW - 1, WINDOW, WINDOW + 1]
    assert day_of(days, WINDOW + 1).next == []


def test_days_are_written_with_the_sessions_that_start_in_them(tmp_path: Path) -> None:
    days = [[Session([b"a", b"b"], [1, 30 * HOUR])], [Session([b"c", b"d"], [31 * HOUR] * 2)]]
    write_days(days, tmp_path / "log")
    written = [file.read_text() for file in sorted((tmp_path / "log").iterdir())]
    header = "SessionId\tItemId\tTime\n"
    assert written == [
        f"{header}1\ta\t1\n1\tb\t{30 * HOUR}\n",
        f"{header}2\tc\t{31 * HOUR}\n2\td\t{31 * HOUR}\n",
    ]
    assert in_days(read_sessions(sorted((tmp_path / "log").iterdir())), None) == days
