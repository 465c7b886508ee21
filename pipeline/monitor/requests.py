"""Reads a request log into columns of numbers, which take little memory for many requests."""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from modules.array_types import BoolArray, FloatArray, IntArray
from modules.sessions.event_times import MAX_TIME_MS
from serving.logged_requests import LoggedRequest, read_requests

NO_ITEM = -1
MOST_ANSWERS = 20
"""Answers of a request that count: Recall@20, MRR@20 and click-through are over them."""
_HOUR = re.compile(r"requests-(\d{4}-\d\d-\d\dT\d\d)-")
_LARGEST_VERSION = 2**63 - 1


class LogError(ValueError):
    """The request log cannot be used; the message says why."""


@dataclasses.dataclass(frozen=True)
class Requests:
    """The different requests of a log, the earliest first.

    Items and sessions are numbers: positions in `item_ids` and `session_ids`. A request without a
    session id is a session of its own, with a number above those.

    Attributes:
      session: int64 `[requests]`.
      time: when the answer was ready, ms since 1970, int64 `[requests]`.
      version: int64 `[requests]`.
      label: position in `labels`, int64 `[requests]`.
      milliseconds: latency, float64 `[requests]`.
      offsets: int64 `[requests + 1]`: request i has the items `offsets[i]:offsets[i + 1]`.
      items: items of the sessions, int32 `[items of all requests]`.
      answers: the first recommended items, then `NO_ITEM`, int32 `[requests, MOST_ANSWERS]`.
      labels: labels of versions.
      session_ids: ids that clients gave, by number.
      item_ids: by number.
      broken: rows that are not whole.
      repeated: rows that are equal to another one, as of a file that was copied; each counts once.
    """

    session: IntArray
    time: IntArray
    version: IntArray
    label: IntArray
    milliseconds: FloatArray
    offsets: IntArray
    items: npt.NDArray[np.int32]
    answers: npt.NDArray[np.int32]
    labels: Sequence[str]
    session_ids: dict[bytes, int]
    item_ids: Numbers
    broken: int
    repeated: int

    def __len__(self) -> int:
        """Returns the number of requests."""
        return len(self.time)

    def lengths(self) -> IntArray:
        """Returns the number of items of each request, int64 `[requests]`."""
        return np.diff(self.offsets)

    def latest_items(self) -> npt.NDArray[np.int32]:
        """Returns the latest item of each request, `NO_ITEM` for an empty session."""
        found = np.full(len(self), NO_ITEM, np.int32)
        some = self.lengths() > 0
        found[some] = self.items[self.offsets[1:][some] - 1]
        return found

    def items_of(self, requests: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Returns the items of the numbered requests, one after another."""
        rows = np.asarray(requests, np.int64)
        lengths = self.lengths()[rows]
        # The places of each request's items: its offset, then one more for each further item.
        begin = np.repeat(self.offsets[rows] - np.cumsum(lengths) + lengths, lengths)
        return self.items[begin + np.arange(int(lengths.sum()))]

    def counts_of(self, chosen: BoolArray, known: BoolArray) -> IntArray:
        """Returns how many items of each chosen request are known.

        Args:
          chosen: bool `[requests]`.
          known: whether an item is known, by number.
        """
        rows = np.flatnonzero(chosen)
        owner = np.repeat(np.arange(len(rows)), self.lengths()[rows])
        return np.bincount(owner[known[self.items_of(rows)]], minlength=len(rows))


class Numbers:
    """Numbers of ids, in the order in which they came."""

    def __init__(self) -> None:
        """Begins without any."""
        self._of: dict[bytes, int] = {}

    def __len__(self) -> int:
        """Returns how many numbers there are."""
        return len(self._of)

    def number(self, item_id: bytes) -> int:
        """Returns the number of an id, a new one for a new id."""
        return self._of.setdefault(item_id, len(self._of))

    def ids(self) -> list[bytes]:
        """Returns the ids by number."""
        return list(self._of)

    def known(self, item_ids: Iterable[bytes]) -> BoolArray:
        """Returns which of all numbers are of the given ids, bool `[numbers]`."""
        found = np.zeros(len(self._of), bool)
        of = self._of
        found[[of[item_id] for item_id in item_ids if item_id in of]] = True
        return found


class _Columns:
    """Columns that grow row by row."""

    def __init__(self) -> None:
        self.session, self.time, self.version = array("q"), array("q"), array("q")
        self.label, self.length, self.digest = array("q"), array("q"), array("q")
        self.milliseconds, self.items, self.answers = array("d"), array("i"), array("i")
        self.labels: dict[str, int] = {}
        self.session_ids: dict[bytes, int] = {}
        self.item_ids = Numbers()

    def add(self, request: LoggedRequest) -> None:
        number = self.item_ids.number
        session = _bytes(request.session_id.strip())
        sessions = self.session_ids
        # Numbers of requests without a session id come once all ids are known.
        self.session.append(sessions.setdefault(session, len(sessions)) if session else -1)
        self.time.append(round(request.time * 1000))
        self.version.append(request.version)
        self.label.append(self.labels.setdefault(request.label, len(self.labels)))
        self.milliseconds.append(request.milliseconds)
        self.length.append(len(request.items))
        self.items.extend([number(_bytes(item)) for item in request.items])
        answers = [number(_bytes(item)) for item in request.answers[:MOST_ANSWERS]]
        self.answers.extend(answers + [NO_ITEM] * (MOST_ANSWERS - len(answers)))
        self.digest.append(hash(request))


def _bytes(text: str) -> bytes:
    """Returns an id as click logs have it; JSON may have half a character, which none has."""
    return text.encode("utf-8", "replace")


def _is_possible(request: LoggedRequest) -> bool:
    return (
        math.isfinite(request.time)
        and 0 <= request.time * 1000 <= MAX_TIME_MS
        and math.isfinite(request.milliseconds)
        and request.milliseconds >= 0
        and 0 <= request.version <= _LARGEST_VERSION
    )


def recent_files(files: Sequence[Path], hours: float | None) -> list[Path]:
    """Leaves out files of a log whose hour is too early for any request of the last hours.

    Args:
      files: files of the log; one whose name has no hour stays.
      hours: how long before the newest request the earliest one is; None for all.
    """
    if hours is None:
        return list(files)
    times = {file: _hour_of(file) for file in files}
    newest = max((time for time in times.values() if time is not None), default=None)
    # The newest request may be at the end of its hour, and the first of a file at its beginning.
    return [
        file
        for file, time in times.items()
        if time is None or newest is None or newest - time <= hours + 1
    ]


def _hour_of(file: Path) -> float | None:
    """Returns the hour in a file's name, in hours since 1970; None if it has none."""
    found = _HOUR.match(file.name)
    try:
        moment = datetime.datetime.fromisoformat(f"{found[1]}:00+00:00") if found else None
    except ValueError:
        return None
    return moment.timestamp() / 3600 if moment else None


def read_columns(files: Iterable[Path], hours: float | None = None) -> Requests:
    """Reads the requests of a log, each once.

    Memory grows by about 0.4 KB a request: a million of 260,000 sessions take 430 MB.

    Args:
      files: files of the log.
      hours: only requests this long before the newest one; None for all.

    Raises:
      LogError: a file cannot be read.
    """
    columns, broken = _Columns(), 0
    try:
        for request in read_requests(files):
            if request is None or not _is_possible(request):
                broken += 1
            else:
                columns.add(request)
    except OSError as error:
        raise LogError(f"{error.filename}: the request log cannot be read: {error.strerror}") from (
            error
        )
    return _in_order(columns, broken, hours)


def _in_order(columns: _Columns, broken: int, hours: float | None) -> Requests:
    """Leaves repeated and earlier rows out, and orders the others by time."""
    time = _array(columns.time)
    _, first = np.unique(_array(columns.digest), return_index=True)
    order = first[np.lexsort((first, time[first]))]
    if hours is not None and len(order):
        order = order[time[order] >= time.max() - hours * 3_600_000]
    lengths = _array(columns.length)
    session = _array(columns.session)[order]
    nameless = session < 0
    session[nameless] = len(columns.session_ids) + np.arange(np.count_nonzero(nameless))
    begins = np.cumsum(lengths) - lengths
    items = np.frombuffer(columns.items, np.int32) if columns.items else np.zeros(0, np.int32)
    answers = np.frombuffer(columns.answers, np.int32) if columns.answers else np.zeros(0, np.int32)
    kept = lengths[order]
    ends = np.cumsum(kept)
    places = np.repeat(begins[order] - ends + kept, kept) + np.arange(int(kept.sum()))
    return Requests(
        session=session,
        time=time[order],
        version=_array(columns.version)[order],
        label=_array(columns.label)[order],
        milliseconds=np.array(columns.milliseconds, np.float64)[order],
        offsets=np.concatenate([[0], ends]).astype(np.int64),
        items=items[places],
        answers=answers.reshape(-1, MOST_ANSWERS)[order],
        labels=list(columns.labels),
        session_ids=columns.session_ids,
        item_ids=columns.item_ids,
        broken=broken,
        repeated=len(time) - len(first),
    )


def _array(column: array[int]) -> IntArray:
    return np.array(column, np.int64)
