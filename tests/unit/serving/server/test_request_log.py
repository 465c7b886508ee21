"""The request log: files by hour, whole sessions, and rows that cannot be written."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from serving.logged_requests import HEADER, LoggedRequest, log_files, read_requests
from serving.server import request_log
from serving.server.request_log import KEY_FILE, LogOptions, RequestLog, visitor_hash

ROW = LoggedRequest("s", 1.5e9, "", ("a",), 7, "stable", "recommend", ("b",), 1.0)


def test_rows_are_written_to_a_file_of_their_hour(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    log = RequestLog(LogOptions(tmp_path / "log"), lambda what, rows: counts.update({what: rows}))
    rows = [ROW, ROW._replace(time=1.5e9 + 3_600), ROW._replace(time=1.5e9 + 3_601)]
    for row in rows:
        log.add(row)
    log.close()
    assert list(read_requests(log_files(tmp_path / "log"))) == rows
    names = [file.name[:23] for file in log_files(tmp_path / "log")]
    assert names == [f"requests-2017-07-14T{hour:02}-" for hour in (2, 3)]
    assert counts == {"written": 3}


def test_several_servers_share_a_folder_and_no_file(tmp_path: Path) -> None:
    logs = [RequestLog(LogOptions(tmp_path)) for _ in range(2)]
    for log in logs:
        log.add(ROW)
        log.close()
    assert len(log_files(tmp_path)) == 2
    assert list(read_requests(log_files(tmp_path))) == [ROW, ROW]
    assert all(file.stat().st_mode & 0o007 == 0 for file in log_files(tmp_path))


def test_a_share_of_the_sessions_is_logged_with_all_their_requests(tmp_path: Path) -> None:
    log = RequestLog(LogOptions(tmp_path, share=0.25))
    taken = [log.takes(f"session {number}") for number in range(4_000)]
    assert taken == [log.takes(f"session {number}") for number in range(4_000)]
    assert sum(taken) / 4_000 == pytest.approx(0.25, abs=0.03)
    assert sum(log.takes("") for _ in range(4_000)) / 4_000 == pytest.approx(0.25, abs=0.03)
    log.close()
    nothing = RequestLog(LogOptions(tmp_path, share=0.0))
    assert not any(nothing.takes(f"{number}") for number in range(100))
    nothing.close()


def test_visitors_are_hashed_with_a_key_that_stays(tmp_path: Path) -> None:
    first, second = RequestLog(LogOptions(tmp_path)), RequestLog(LogOptions(tmp_path))
    other = RequestLog(LogOptions(tmp_path / "other"))
    assert first.visitor("ann") == second.visitor("ann") != other.visitor("ann")
    assert (first.visitor(""), len(first.visitor("ann"))) == ("", 16)
    assert visitor_hash(b"a", "ann") != visitor_hash(b"b", "ann")
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    for log in (first, second, other):
        log.close()


def test_old_files_are_removed_and_others_are_not(tmp_path: Path) -> None:
    old, new, strange = (tmp_path / name for name in ("requests-1.tsv", "requests-2.tsv", "a.tsv"))
    for file in (old, new, strange):
        file.touch()
    (tmp_path / "requests-folder.tsv").mkdir()  # which cannot be removed like a file
    for file in (old, strange, tmp_path / "requests-folder.tsv"):
        os.utime(file, (time.time() - 7_300,) * 2)
    counts: Counter[str] = Counter()
    log = RequestLog(LogOptions(tmp_path, hours=2), lambda what, rows: counts.update({what: rows}))
    log.add(ROW)
    log.close()
    assert counts == {"written": 1}
    assert (old.exists(), new.exists(), strange.exists()) == (False, True, True)


def test_rows_that_cannot_be_written_are_counted_and_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of the size of files stands for a disk without space."""
    monkeypatch.setattr(request_log, "_FLUSH_SECONDS", 0.0)
    counts: Counter[str] = Counter()
    lines = 100
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = len(HEADER) + lines * len(ROW.line())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + len(ROW.line()) // 2, before[1]))
    try:
        log = RequestLog(LogOptions(tmp_path), lambda what, rows: counts.update({what: rows}))
        for _ in range(3 * lines):
            log.add(ROW)
            time.sleep(0.001)
        log.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert counts.total() == 3 * lines and 0 < counts["written"] <= lines
    assert sum("lost" in line for line in caplog.messages) == 1
    assert list(read_requests(log_files(tmp_path))) == [ROW] * counts["written"]


def test_a_removed_folder_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "_FLUSH_SECONDS", 0.0)
    counts: Counter[str] = Counter()
    log = RequestLog(LogOptions(tmp_path / "log"), lambda what, rows: counts.update({what: rows}))
    log.add(ROW)
    while not counts:
        time.sleep(0.01)
    shutil.rmtree(tmp_path / "log")
    log.add(ROW)
    log.close()
    assert list(read_requests(log_files(tmp_path / "log"))) == [ROW]


@pytest.mark.parametrize("content", ["", "zz", "ab12"])
def test_a_damaged_key_is_refused_with_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / KEY_FILE).write_text(content)
    with pytest.raises(OSError, match=r"visitor\.key is not a key .*: restore it, or remove it"):
        RequestLog(LogOptions(tmp_path))


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        RequestLog(LogOptions(tmp_path / "file"))
