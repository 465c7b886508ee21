"""A click log as days of sessions, for benchmarks; NumPy and TensorFlow are not needed."""

from __future__ import annotations

import argparse
import gzip
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

WINDOW = 7  # days that a model learns
_DAY_MS, _BEGIN_MS = 86_400_000, 3 * 3_600_000


class Session(NamedTuple):
    """A session: item ids and times in ms, in time order."""

    item_ids: list[bytes]
    times: list[int]

    @property
    def start(self) -> int:
        """Time of the first event, ms."""
        return self.times[0]


class Day(NamedTuple):
    """Sessions of a model: to train on, for split eval, of the evaluated day and the next one."""

    train: list[Session]
    evaluation: list[Session]
    test: list[Session]
    next: list[Session]


def read_sessions(files: Iterable[Path]) -> list[Session]:
    """Reads TSVs with SessionId, ItemId and Time in ms; ids may recur in another file."""
    events: dict[tuple[Path, bytes], list[tuple[int, bytes]]] = defaultdict(list)
    for file in files:
        text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for row in text.splitlines()[1:]:
            session, item, moment = row.split(b"\t")[:3]
            events[file, session].append((int(float(moment)), item))
    sessions = [sorted(rows, key=lambda row: row[0]) for rows in events.values()]
    found = [
        Session([item for _, item in rows], [moment for moment, _ in rows])
        for rows in sessions
        if len(rows) > 1
    ]
    return sorted(found, key=lambda session: session.start)


def add_log_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that say which log is trained on, how it is cut, and by which preset."""
    parser.add_argument("preset", help="name of a preset, whose options are used")
    parser.add_argument("files", type=Path, nargs="+", help="TSVs, in ms since 1970")
    parser.add_argument("--sessions-per-day", type=int)
    parser.add_argument("--days", type=int, help="the last days of the log; all by default")
    parser.add_argument("--first", type=int, default=WINDOW + 1, help="first evaluated day")


def days_of_log(arguments: argparse.Namespace) -> list[list[Session]]:
    """Returns the days that the arguments of `add_log_arguments` name."""
    days = in_days(read_sessions(arguments.files), arguments.sessions_per_day)
    return days[-arguments.days :] if arguments.days else days


def in_days(sessions: Sequence[Session], per_day: int | None) -> list[list[Session]]:
    """Cuts sessions into days; see the module."""
    days: dict[int, list[Session]] = defaultdict(list)
    for number, session in enumerate(sessions):
        day = number // per_day if per_day else (session.start - _BEGIN_MS) // _DAY_MS
        days[day].append(session)
    return [days[day] for day in sorted(days)]


def day_of(days: Sequence[list[Session]], number: int) -> Day:
    """Returns the sessions of the day at a position."""
    before = [session for part in days[number - WINDOW : number - 1] for session in part]
    following = days[number + 1] if number + 1 < len(days) else []
    return Day(before, days[number - 1], days[number], following)


def write_days(days: Sequence[list[Session]], folder: Path) -> None:
    """Writes `day-0001.tsv` and so on: columns SessionId, ItemId and Time, in ms."""
    folder.mkdir(parents=True)
    numbers = itertools.count(1)
    for day, sessions in enumerate(days, 1):
        with open(folder / f"day-{day:04d}.tsv", "wb") as file:
            file.write(b"SessionId\tItemId\tTime\n")
            for session in sessions:
                number = next(numbers)
                for item, moment in zip(session.item_ids, session.times, strict=True):
                    file.write(b"%d\t%s\t%d\n" % (number, item, moment))
