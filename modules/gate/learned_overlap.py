"""Whether the last blessed model learned the evaluated sessions.

A model ranks the targets of sessions that it learned far better than any can rank new ones: it is
no baseline. It happens where a past day is evaluated again after a model of later days was pushed.
"""

from __future__ import annotations

import datetime

import numpy as np

from modules.array_types import IntArray
from modules.files.learned_data import LearnedData

# The share of sessions by which the spans of two models may differ: a session that is learned is a
# hit for most of its steps, so this share moves Recall@20 by less than .01.
TOLERANCE = 0.01


def sessions_within(start_times: IntArray, learned: LearnedData) -> int:
    """Returns how many sessions start in the time span of the learned ones.

    Args:
      start_times: starts of the evaluated sessions, ms, int64 `[sessions]`.
      learned: record of a model.
    """
    inside = (start_times >= learned.first_start) & (start_times <= learned.last_start)
    return int(np.count_nonzero(inside))


def learned_evaluation(
    start_times: IntArray, candidate: LearnedData | None, other: LearnedData | None
) -> str | None:
    """Returns why another model is no baseline for a candidate; None if it is one.

    A random split overlaps with the span of the candidate as well, and both are compared. Models
    without a record, as former versions export, are compared too.

    Args:
      start_times: starts of the evaluated sessions, ms, int64 `[sessions]`.
      candidate: record of the candidate.
      other: record of the model that it would be compared with.
    """
    if candidate is None or other is None or not len(start_times):
        return None
    own, others = (sessions_within(start_times, learned) for learned in (candidate, other))
    if others - own <= TOLERANCE * len(start_times):
        return None
    return (
        f"learned sessions from {span(other.first_start, other.last_start)} (UTC), in which "
        f"{others:,} of the {len(start_times):,} evaluated sessions start, which are from "
        f"{span(int(start_times.min()), int(start_times.max()))}; the candidate learned those from "
        f"{span(candidate.first_start, candidate.last_start)}"
    )


def span(first: int, last: int) -> str:
    """Returns a time span in words, to the minute.

    >>> span(0, 90_000_000)
    '1970-01-01 00:00 to 1970-01-02 01:00'
    """
    return f"{_moment(first)} to {_moment(last)}"


def _moment(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M}"
