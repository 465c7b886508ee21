"""Cuts train, and counts start times, on Beam: by hour, exactly, and never all in one place."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np

from modules.ingest import packing
from modules.sessions.start_histogram import HourCount, StartHistogram, count_hour, hour_of
from modules.sessions.time_splits import CutRules, hours_to_look_into, timeline

PackedStarts = tuple[str, bytes]
"""Input split, and packed start times (ms) of some of its sessions."""

HourKey = tuple[str, int]
"""Input split and hour since 1970."""


class FindTimeline(beam.PTransform):
    """Turns `PackedStarts` into one (cuts of train or None, counts), or none without a session.

    See `modules.sessions.time_splits.timeline`.
    """

    def __init__(self, inputs: list[str], rules: CutRules, now: int) -> None:
        """Stores the input splits' names, how train is cut, and the current time (ms)."""
        super().__init__()
        self._inputs, self._rules, self._now = inputs, rules, now

    def expand(self, starts: beam.PCollection) -> beam.PCollection:
        """Counts each hour, then looks into the few hours in which a split begins."""
        hours = (
            starts
            | "ByHour" >> beam.FlatMap(_by_hour).with_output_types(tuple[HourKey, bytes])
            | "GroupByHour" >> beam.GroupByKey()
            | "Sort" >> beam.MapTuple(_sorted)
        )
        counted = (
            hours
            | "CountHour" >> beam.MapTuple(_counted)
            | "HourCounts" >> beam.CombineGlobally(_joined).without_defaults()
        )
        wanted = counted | "HoursToLookInto" >> beam.Map(self._hours_to_look_into)
        looked_into = (
            hours
            | "LookInto" >> beam.Filter(_is_wanted, beam.pvalue.AsSingleton(wanted, {}))
            | "AsList" >> beam.Map(lambda hour: [hour])
            | "HourTimes" >> beam.CombineGlobally(_joined)
        )
        return counted | "Cut" >> beam.Map(self._timeline, beam.pvalue.AsSingleton(looked_into))

    def _hours_to_look_into(self, counted: list[tuple[str, Any]]) -> dict[str, set[int]]:
        return hours_to_look_into(_histograms(counted, []), self._inputs, self._rules, self._now)

    def _timeline(
        self, counted: list[tuple[str, Any]], looked_into: list[tuple[HourKey, bytes]]
    ) -> tuple[tuple[int, int | None] | None, dict[str, int]]:
        starts = _histograms(counted, looked_into)
        found = timeline(starts, self._inputs, self._rules, self._now)
        cuts = found.cuts
        return (None if cuts is None else (cuts.eval, cuts.test)), found.counts


def _by_hour(element: PackedStarts) -> Iterator[tuple[HourKey, bytes]]:
    split, packed = element
    ordered = sorted(packing.unpack_ints(packed))
    for hour, times in itertools.groupby(ordered, key=hour_of):
        yield (split, hour), packing.pack_ints(times)


def _sorted(key: HourKey, packed: Iterable[bytes]) -> tuple[HourKey, bytes]:
    """Puts the packed start times of an hour in order."""
    return key, np.sort(np.frombuffer(b"".join(packed), "<i8")).tobytes()


def _counted(key: HourKey, packed: bytes) -> list[tuple[str, tuple[int, ...]]]:
    return [(key[0], tuple(count_hour(packing.unpack_ints(packed))))]


def _is_wanted(hour: tuple[HourKey, bytes], wanted: Mapping[str, set[int]]) -> bool:
    (split, number), _ = hour
    return number in wanted[split]


def _joined(lists: Iterable[list[Any]]) -> list[Any]:
    return [*itertools.chain.from_iterable(lists)]


def _histograms(
    counted: list[tuple[str, Any]], looked_into: list[tuple[HourKey, bytes]]
) -> dict[str, StartHistogram]:
    hours: dict[str, list[HourCount]] = {}
    for split, count in counted:
        hours.setdefault(split, []).append(HourCount(*count))
    times: dict[str, dict[int, Sequence[int]]] = {}
    for (split, hour), some in looked_into:
        times.setdefault(split, {})[hour] = packing.unpack_ints(some)
    return {split: StartHistogram(some, times.get(split)) for split, some in hours.items()}
