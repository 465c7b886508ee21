"""Timelines of start times in lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.sessions.start_histogram import StartHistogram
from modules.sessions.time_splits import CutRules, Cuts, Timeline, split_cuts, timeline


def cuts_of(
    starts: Iterable[int],
    options: SessionOptions = SessionOptions(),  # noqa: B008
    tail: TailOptions = TailOptions(),  # noqa: B008
) -> Cuts:
    """Returns where train's sessions are cut."""
    return split_cuts(StartHistogram.of(starts), CutRules(options, tail))


def timeline_of(
    starts: Mapping[str, Collection[int]],
    inputs: Collection[str],
    options: SessionOptions,
    tail: TailOptions,
    now: int,
) -> Timeline:
    """Returns the timeline of each split's start times."""
    histograms = {split: StartHistogram.of(some) for split, some in starts.items() if some}
    return timeline(histograms, inputs, CutRules(options, tail), now)
