"""Requests, and those on unknown items, over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from modules.array_types import BoolArray
from pipeline.monitor.requests import NO_ITEM, Requests

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
MOST_HOURS = 2 * 24


def timeline(requests: Requests, chosen: BoolArray, known: BoolArray | None) -> dict[str, Any]:
    """Returns requests by hour, or by day in a log that spans more than two days.

    Args:
      requests: at least one request.
      chosen: those that count, bool `[requests]`.
      known: whether an item is known, by number; None if that is not known.

    Returns:
      `starts`, ms since 1970, of the hours or days with any request; `requests` in each; and
      `unknown`, the share whose latest item is unknown, None where that is not known.
    """
    span = int(requests.time[-1] - requests.time[0])
    step = _HOUR_MS if span <= MOST_HOURS * _HOUR_MS else _DAY_MS
    rows = np.flatnonzero(chosen)
    starts, place = np.unique(requests.time[rows] // step * step, return_inverse=True)
    counts = np.bincount(place, minlength=len(starts))
    latest = requests.latest_items()[rows]
    shares: list[float | None] = [None] * len(starts)
    if known is not None:
        some = latest != NO_ITEM
        is_unknown = np.zeros(len(rows), bool)
        is_unknown[some] = ~known[latest[some]]
        shares = (np.bincount(place, is_unknown, minlength=len(starts)) / counts).tolist()
    return {
        "step_hours": step // _HOUR_MS,
        "starts": starts.tolist(),
        "requests": counts.tolist(),
        "unknown": shares,
    }
