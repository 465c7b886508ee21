"""Drops rare items, and sessions that are then too short, in turns until nothing changes.

The result is that of GRU4Rec's preparation: the largest part of the sessions of train in which
every item and every session has enough events. It does not depend on the order of the turns.
"""

from __future__ import annotations

import collections
import functools
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam

from modules.config.options.sessions import SessionOptions
from modules.ingest import packing
from modules.ingest.report import Report
from modules.sessions.sessions import Session, without_items

UNSTABLE = "train.rare_items_left"
"""Count of a report that is above 0 if another run must go on from the rare items of this one."""

_SPLIT = "train"
_MOST_TURNS = 8  # GRU4Rec's preparation of RetailRocket needs 6
_ITEM_BUCKETS = 64

ItemCounts = tuple[bytes, bytes]
"""Item ids joined by line feeds, and as many packed counts."""


class RareItems(NamedTuple):
    """Items that are too rare, and whether the last turn found no other."""

    packed: bytes
    is_stable: bool = False


class CommonItems(NamedTuple):
    """PCollections that `DropRareItems` returns.

    Attributes:
      sessions: (key, packed sessions), as given, but for what was dropped of train.
      report: counts of what was dropped.
      rare: packed ids of the dropped items; one element.
    """

    sessions: beam.PCollection
    report: beam.PCollection
    rare: beam.PCollection


class DropRareItems(beam.PTransform):
    """Turns (key, packed sessions) into `CommonItems`; only those of split train lose any."""

    def __init__(
        self, options: SessionOptions, known: bytes = b"", turns: int = _MOST_TURNS
    ) -> None:
        """Stores what is dropped.

        Args:
          options: how many events an item and a session must have.
          known: packed ids of items that are known to be too rare.
          turns: most turns; if others would follow, the report counts `UNSTABLE`.
        """
        super().__init__()
        self._options, self._known, self._turns = options, known, turns

    def expand(self, sessions: beam.PCollection) -> CommonItems:
        """Counts items again after each turn; once no rare one is found, turns are idle."""
        rare = sessions.pipeline | "Known" >> beam.Create([tuple(RareItems(self._known))])
        for turn in range(1, self._turns + 1):
            found = (
                sessions
                | f"Count{turn}"
                >> beam.FlatMap(
                    _count_items, self._options.min_session_length, beam.pvalue.AsSingleton(rare)
                ).with_output_types(tuple[int, ItemCounts])
                | f"Group{turn}" >> beam.GroupByKey()
                | f"Rare{turn}" >> beam.Map(_rare_items, self._options.min_item_support)
            )
            rare = rare | f"Turn{turn}" >> beam.Map(_add, beam.pvalue.AsIter(found))
        kept = sessions | "Keep" >> beam.ParDo(
            _KeepCommonItems(self._options.min_session_length), beam.pvalue.AsSingleton(rare)
        ).with_outputs(_KeepCommonItems.REPORT, main="sessions")
        reports = kept[_KeepCommonItems.REPORT], rare | "Report" >> beam.Map(_report)
        return CommonItems(
            kept["sessions"],
            reports | "Reports" >> beam.Flatten(),
            rare | "Packed" >> beam.Map(lambda items: items[0]),
        )


@functools.lru_cache(maxsize=2)
def _unpacked(packed: bytes) -> frozenset[bytes]:
    return frozenset(packed.split(b"\n") if packed else ())


def _count_items(
    element: tuple[tuple[str, int], packing.PackedSessions], shortest: int, rare: tuple[bytes, bool]
) -> Iterator[tuple[int, ItemCounts]]:
    """Counts the items of the sessions that are left, by bucket of item ids."""
    ((split, _), packed), (dropped, is_stable) = element, rare
    if split != _SPLIT or is_stable:
        return
    counts: Counter[bytes] = Counter()
    for session in packing.unpack_sessions(packed):
        items = without_items(session, _unpacked(dropped)).item_ids
        if len(items) >= shortest:
            counts.update(items)
    parts: dict[int, list[bytes]] = collections.defaultdict(list)
    for item in counts:
        parts[zlib.crc32(item) % _ITEM_BUCKETS].append(item)
    for bucket, items in parts.items():
        yield bucket, (b"\n".join(items), packing.pack_ints(map(counts.__getitem__, items)))


def _rare_items(element: tuple[int, Iterable[ItemCounts]], least: int) -> bytes:
    """Returns the packed items of a bucket with fewer than `least` events."""
    _, parts = element
    counts: Counter[bytes] = Counter()
    for items, numbers in parts:
        for item, number in zip(items.split(b"\n"), packing.unpack_ints(numbers), strict=True):
            counts[item] += number
    return b"\n".join(sorted(item for item, count in counts.items() if count < least))


def _add(rare: tuple[bytes, bool], found: Iterable[bytes]) -> tuple[bytes, bool]:
    """Returns the rare items after a turn that found more of them."""
    known, is_stable = rare
    more = [packed for packed in found if packed]
    return b"\n".join([*([known] if known else []), *more]), is_stable or not more


def _report(rare: tuple[bytes, bool]) -> Report:
    packed, is_stable = rare
    counts = {f"{_SPLIT}.rare_items": len(_unpacked(packed))}
    return Report(counts if is_stable else counts | {UNSTABLE: 1})


class _KeepCommonItems(beam.DoFn):
    """Drops the rare items of train's sessions."""

    REPORT = "report"

    def __init__(self, shortest: int) -> None:
        self._shortest = shortest

    def process(
        self,
        element: tuple[tuple[str, int], packing.PackedSessions],
        rare: tuple[bytes, bool],
    ) -> Iterator[Any]:
        key, packed = element
        if key[0] != _SPLIT or not rare[0]:
            yield element
            return
        kept: list[Session] = []
        counts: Counter[str] = Counter()
        dropped = _unpacked(rare[0])
        for session in packing.unpack_sessions(packed):
            left = without_items(session, dropped)
            counts[f"{_SPLIT}.rows_of_rare_items"] += len(session.item_ids) - len(left.item_ids)
            if len(left.item_ids) >= self._shortest:
                kept.append(left)
            else:
                counts[f"{_SPLIT}.sessions_too_short"] += 1
                counts[f"{_SPLIT}.rows_too_short"] += len(left.item_ids)
        yield key, packing.pack_sessions(kept)
        yield beam.pvalue.TaggedOutput(self.REPORT, Report(dict(counts)))
