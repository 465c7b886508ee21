"""Which files of an output folder are pages to show."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.server.http.pages import Pages


@pytest.mark.parametrize(
    ("path", "is_shown"),
    [
        ("history.html", True),
        ("runs/2026-11-30T10-00-00/report.html", True),
        ("monitor/2026-11-30T100000Z/monitor.html", True),
        ("runs/a/summary.json", False),
        ("runs/.a/report.html", False),
        ("runs/../report.html", False),
        ("/etc/passwd", False),
        ("history.html\n", False),
        ("", False),
    ],
)
def test_pages_are_shown_and_no_other_files(tmp_path: Path, path: str, is_shown: bool) -> None:
    for name in ("history.html", "runs/a/summary.json", "runs/.a/report.html", "report.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    if is_shown:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert Pages(tmp_path).file(path) == (tmp_path / path if is_shown else None)
    assert Pages().file(path) is None
    assert Pages(tmp_path / "gone").file(path) is None
