"""Progress lines of a run, and why it failed."""

from __future__ import annotations

import logging
import os
import time

import pytest

from pipeline.run.progress import (
    Console,
    NodeError,
    NodeProgress,
    cause_of,
    report_failure,
    watch_nodes,
)


class Pipe:
    """A Console on one end, all that arrived on the other."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        self.console = Console(writer)

    def text(self) -> str:
        self.console.close()
        with os.fdopen(self._reader, encoding="utf-8") as file:
            return file.read()


def _record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("absl", logging.INFO, "", 0, message, arguments, None)


def _start(progress: NodeProgress, node: str) -> None:
    progress.emit(_record("Component %s is running.", node))


def _finish(progress: NodeProgress, node: str) -> None:
    progress.emit(_record("Component %s is finished.", node))


def test_an_open_line_is_ended_by_what_others_print() -> None:
    pipe = Pipe()
    pipe.console.open_line("one ... ")
    assert pipe.console.extend_line("10 s ... ")
    print("words", file=pipe.console)
    assert not pipe.console.extend_line("20 s ... ")
    assert not pipe.console.end_line("done")
    pipe.console.open_line("two ... ")
    assert pipe.console.end_line("done")
    assert pipe.text() == "one ... 10 s ... \nwords\ntwo ... done\n"


def test_a_second_open_line_starts_below_the_first() -> None:
    pipe = Pipe()
    pipe.console.open_line("one ... ")
    pipe.console.open_line("two ... ")
    assert pipe.text() == "one ... \ntwo ... "


def test_counts_nodes_and_keeps_their_seconds() -> None:
    pipe = Pipe()
    finished: list[str] = []
    progress = NodeProgress(pipe.console, total=2, finished=finished.append)
    _start(progress, "A")
    progress.emit(_record("A cached execution %d is used.", 3))
    _finish(progress, "A")
    _start(progress, "B")
    assert progress.current == "B"
    _finish(progress, "B")
    assert progress.cached == ["A"]
    assert list(progress.seconds) == finished == ["A", "B"]
    assert all(0 <= seconds < 10 for seconds in progress.seconds.values())
    assert pipe.text() == "[1/2] A ... cached\n[2/2] B ... 0.0 s\n"


def test_other_records_are_neither_shown_nor_formatted() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise AssertionError("formatted")

    pipe = Pipe()
    NodeProgress(pipe.console, total=1, finished=print).emit(
        _record("Going to run %s", Unprintable())
    )
    assert pipe.text() == ""


def test_a_beat_comes_only_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pipe = Pipe()
    progress = NodeProgress(pipe.console, total=1, finished=print)
    progress.beat()
    _start(progress, "A")
    progress.beat()
    now[0] += 12
    progress.beat()
    progress.beat()
    now[0] += 10
    progress.beat()
    assert pipe.text() == "[1/1] A ... 12 s ... 22 s ... "


def test_an_exceptions_message_is_its_cause() -> None:
    assert cause_of(ValueError("two\nlines")) == "ValueError: two\nlines"
    assert cause_of(KeyError()) == "KeyError"


def test_a_long_message_is_cut() -> None:
    lines = cause_of(ValueError("\n".join(f"line {row}" for row in range(100)))).splitlines()
    assert lines[0] == "ValueError: line 0"
    assert lines[-1] == "..."
    assert len(lines) == 21


def test_a_failure_goes_to_stdout_and_its_traceback_to_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        try:
            raise OSError("disk full")
        except OSError as cause:
            raise NodeError("Trainer") from cause
    except NodeError as error:
        report_failure(error)
    report_failure(ValueError("before any node"))
    captured = capsys.readouterr()
    assert (
        captured.out == "Failed: Trainer: OSError: disk full\nFailed: ValueError: before any node\n"
    )
    assert "Traceback (most recent call last)" in captured.err


def test_a_node_that_exits_has_failed() -> None:
    """Flags such as --help end a process well, in the middle of a run."""
    pipe = Pipe()
    with pytest.raises(NodeError, match="A"), watch_nodes(pipe.console, 1, print) as progress:
        _start(progress, "A")
        raise SystemExit(0)
