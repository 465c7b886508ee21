"""What shoppers did after each answer: the next click, and clicks on what was recommended."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from modules.array_types import BoolArray, IntArray
from modules.evaluation.ranks import UNRANKED
from pipeline.monitor.clicks import Clicks
from pipeline.monitor.requests import Requests

_AT_ONCE = 100_000
_PAIRED_MS = 30 * 60_000
_NONE = -1


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """What followed each request.

    The *target* is the first click of the session whose time is after the request's; a click at the
    same millisecond, or before, is not. It may be on any item, the current one included.

    Attributes:
      has_target: whether there is a target, bool `[requests]`.
      rank: place of the target among the answers, from 1, `UNRANKED` if it is not among them or
        there is none, int64 `[requests]`.
      clicked: whether any click of the session within the window after the request is on an answer,
        bool `[requests]`.
      open: requests whose window ends after the newest click of the log, so that later clicks may
        be missing.
      clock_ms: median of how long after the request its own click (on the request's latest item, in
        the same session, the nearest within 30 minutes) is stamped, ms; negative if it is before
        the request, as it should be; None without any.
    """

    has_target: BoolArray
    rank: IntArray
    clicked: BoolArray
    open: int
    clock_ms: float | None


def find_outcomes(requests: Requests, clicks: Clicks, window_ms: int) -> Outcomes:
    """Finds what followed each request.

    Args:
      requests: the requests.
      clicks: clicks with the sessions and items of these requests.
      window_ms: how long after a request a click may come that counts for click-through.
    """
    ours = np.flatnonzero(clicks.session >= 0)
    order = ours[np.lexsort((clicks.time[ours], clicks.session[ours]))]
    by_session = _Sorted(clicks.session[order], clicks.time[order], clicks.item[order])
    following = _following(requests, by_session)
    has_target = following != _NONE
    newest = -1 if clicks.newest is None else clicks.newest
    return Outcomes(
        has_target=has_target,
        rank=_ranks(requests, by_session, following),
        clicked=_clicked(requests, by_session, following, window_ms),
        open=int(np.count_nonzero(requests.time + window_ms > newest)),
        clock_ms=_clock(requests, by_session, following),
    )


@dataclasses.dataclass(frozen=True)
class _Sorted:
    """Clicks by session and time; each column int64 `[clicks]`."""

    session: IntArray
    time: IntArray
    item: IntArray


def _following(requests: Requests, clicks: _Sorted) -> IntArray:
    """Returns the position of the first click after each request, -1 without one."""
    sessions = np.concatenate([clicks.session, requests.session])
    times = np.concatenate([clicks.time, requests.time])
    is_request = np.repeat([0, 1], [len(clicks.time), len(requests)])
    # Of equal times the clicks come first: they are not after the request.
    order = np.lexsort((is_request, times, sessions))
    of_request = is_request[order] == 1
    before = np.cumsum(~of_request)  # clicks up to each place: the position of the next one
    found = np.empty(len(requests), np.int64)
    found[order[of_request] - len(clicks.time)] = before[of_request]
    inside = found < len(clicks.time)
    same = np.zeros(len(requests), bool)
    same[inside] = clicks.session[found[inside]] == requests.session[inside]
    return np.where(same, found, _NONE)


def _ranks(requests: Requests, clicks: _Sorted, following: IntArray) -> IntArray:
    found = np.full(len(requests), UNRANKED, np.int64)
    rows = np.flatnonzero(following != _NONE)
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        hits = requests.answers[part] == clicks.item[following[part]][:, None]
        found[part] = np.where(hits.any(1), hits.argmax(1) + 1, UNRANKED)
    return found


def _clicked(requests: Requests, clicks: _Sorted, following: IntArray, window_ms: int) -> BoolArray:
    """Looks at the first click after each request, then at the second, while any is in time."""
    clicked = np.zeros(len(requests), bool)
    active = np.flatnonzero(following != _NONE)
    place = following[active]
    while len(active):
        near = (clicks.session[place] == requests.session[active]) & (
            clicks.time[place] <= requests.time[active] + window_ms
        )
        active, place = active[near], place[near]
        hit = _any_answer(requests.answers, active, clicks.item[place])
        clicked[active[hit]] = True
        more = ~hit & (place + 1 < len(clicks.time))
        active, place = active[more], place[more] + 1
    return clicked


def _any_answer(answers: npt.NDArray[np.int32], rows: IntArray, items: IntArray) -> BoolArray:
    starts = range(0, len(rows), _AT_ONCE)
    parts = [
        (answers[rows[start : start + _AT_ONCE]] == items[start : start + _AT_ONCE, None]).any(1)
        for start in starts
    ]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def _clock(requests: Requests, clicks: _Sorted, following: IntArray) -> float | None:
    """Returns the median of the times from requests to their own clicks."""
    latest = requests.latest_items()
    after, before = following, _before(requests, clicks, following)
    best = np.full(len(requests), np.inf)
    for place in (before, after):
        rows = np.flatnonzero(place != _NONE)
        rows = rows[clicks.item[place[rows]] == latest[rows]]
        late = (clicks.time[place[rows]] - requests.time[rows]).astype(float)
        nearer = np.abs(late) < np.abs(best[rows])
        best[rows[nearer]] = late[nearer]
    found = best[np.abs(best) <= _PAIRED_MS]
    return float(np.median(found)) if len(found) else None


def _before(requests: Requests, clicks: _Sorted, following: IntArray) -> IntArray:
    """Returns the position of the last click that is not after each request, -1 without one."""
    if not len(clicks.time):
        return np.full(len(requests), _NONE)
    ends = np.searchsorted(clicks.session, requests.session, side="right")
    place = np.where(following == _NONE, ends, following) - 1
    same = (place >= 0) & (clicks.session[np.maximum(place, 0)] == requests.session)
    return np.where(same, place, _NONE)
