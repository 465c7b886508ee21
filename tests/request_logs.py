"""Request logs and click logs of made-up sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.monitor.requests import Requests, read_columns
from serving.logged_requests import HEADER, LoggedRequest, log_files

START = 1_442_000_000.0
HOUR = 3600.0
ANSWERS = tuple(f"i{number}" for number in range(20))


def request(session: str = "s", at: float = 0.0, **changes: Any) -> LoggedRequest:
    """Returns a request that came some seconds after `START`."""
    values = LoggedRequest(session, START + at, "", ("a",), 7, "stable", "recommend", ANSWERS, 2.5)
    return values._replace(**changes)


def write_log(folder: Path, requests: Iterable[LoggedRequest], name: str = "1") -> Path:
    """Writes a file of a request log, and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"requests-2015-09-11T19-{name}.tsv"
    file.write_text(HEADER + "".join(each.line() for each in requests), encoding="utf-8")
    return folder


def read(folder: Path, requests: Iterable[LoggedRequest]) -> Requests:
    """Returns requests as they are read from a log."""
    return read_columns(log_files(write_log(folder, requests)))


def write_clicks(file: Path, clicks: Iterable[tuple[str, str, float]]) -> Path:
    """Writes clicks: session, item, and seconds after `START`."""
    rows = "".join(
        f"{session}\t{item}\t{round(1000 * (START + at))}\n" for session, item, at in clicks
    )
    file.write_text(f"SessionId\tItemId\tTime\n{rows}", encoding="utf-8")
    return file


def sessions_of(clicks: Sequence[tuple[str, str, float]]) -> dict[str, list[tuple[str, float]]]:
    """Returns item and time of the clicks of each session, in order of time."""
    found: dict[str, list[tuple[str, float]]] = {}
    for session, item, at in sorted(clicks, key=lambda click: click[2]):
        found.setdefault(session, []).append((item, at))
    return found
