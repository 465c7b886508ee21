"""Reads the clicks that came after requests, from a click log in any form that training reads."""

from __future__ import annotations

import dataclasses
from array import array
from collections import Counter

import numpy as np

from modules.array_types import IntArray
from modules.config.options.sessions import SessionOptions
from modules.files.compression import BrokenFileError
from modules.ingest.input_files import find_input, pieces
from modules.sessions.concatenated import JoinedFilesError
from modules.sessions.sessions import SessionDataError
from pipeline.monitor.requests import Requests

NO_SESSION = -1
LEAD_MS = 30 * 60_000
"""Time before the first request from which on clicks of requested sessions are kept: the clicks
that the requests were made for show how the clocks differ."""
_SPLIT = "clicks"


@dataclasses.dataclass(frozen=True)
class Clicks:
    """The clicks that count: those of requested sessions, and all of the time of the requests.

    Attributes:
      session: number of the session in `Requests`, `NO_SESSION` for others, int64 `[clicks]`.
      time: ms since 1970, int64 `[clicks]`.
      item: number of the item, int64 `[clicks]`.
      read: rows that were read, good ones.
      rejected: bad rows by reason.
      sessions: requested sessions that have any click in the log.
      newest: time of the newest click in the log, ms; None without any.
    """

    session: IntArray
    time: IntArray
    item: IntArray
    read: int
    rejected: Counter[str]
    sessions: int
    newest: int | None


def read_clicks(
    pattern: str, options: SessionOptions, requests: Requests, shift_ms: int = 0
) -> Clicks:
    """Reads a click log block by block, and keeps the clicks that count.

    Items that no request has get numbers of their own in `requests.item_ids`. Memory grows by
    24 bytes a click that is kept: of a requested session, or between the first and the last
    request.

    Args:
      pattern: absolute path or pattern of the files, or URI.
      options: names of the columns, delimiter, time unit and event types. Of a log of visitors
        the visitor's id is that of the session in the requests.
      requests: at least one request.
      shift_ms: added to the time of each click, where clocks differ.

    Raises:
      SessionDataError: there is no such file, or one cannot be read.
    """
    session, time, item = array("q"), array("q"), array("q")
    read, rejected, newest = 0, Counter[str](), None
    first, last = int(requests.time[0]), int(requests.time[-1])
    sessions, number = requests.session_ids, requests.item_ids.number
    seen: set[int] = set()
    kept = options.kept_types()
    for piece in pieces(find_input("", [(_SPLIT, pattern)], options)):
        try:
            for rows in piece.part.read(piece.path, options):
                rows = rows.of_types(kept)
                read += len(rows.times)
                rejected.update(reason for reason, _, _ in rows.rejects)
                for session_id, item_id, at in zip(*rows[:3], strict=True):
                    at += shift_ms
                    found = sessions.get(session_id, NO_SESSION)
                    if found != NO_SESSION:
                        seen.add(found)
                    if newest is None or at > newest:
                        newest = at
                    lead = 0 if found == NO_SESSION else LEAD_MS
                    if first - lead <= at and (at <= last or found != NO_SESSION):
                        session.append(found)
                        time.append(at)
                        item.append(number(item_id))
        except (BrokenFileError, JoinedFilesError) as error:
            raise SessionDataError(error.of(piece.path)) from error
    return Clicks(
        session=np.array(session, np.int64),
        time=np.array(time, np.int64),
        item=np.array(item, np.int64),
        read=read,
        rejected=rejected,
        sessions=len(seen),
        newest=newest,
    )
