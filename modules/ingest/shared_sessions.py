"""Counts sessions that occur in two input splits, by id or as a copy with the same events.

Ids are grouped by bucket as events are, each with checksums of its session's events.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam

from modules.ingest import packing
from modules.ingest.report import Report
from modules.sessions.sessions import Session
from modules.sessions.splits import split_pairs

Identities = tuple[str, bytes, bytes]
"""Input split, session ids joined by line feeds, and two packed checksums per session."""


def identities_by_bucket(
    split: str, sessions: Iterable[Session], buckets: int
) -> Iterator[tuple[int, Identities]]:
    """Packs the identities of sessions by bucket of ids, the same for all splits."""
    parts: dict[int, tuple[list[bytes], list[int]]] = {}
    for session in sessions:
        bucket = zlib.crc32(session.session_id) % buckets
        ids, checksums = parts.setdefault(bucket, ([], []))
        ids.append(session.session_id)
        checksums += checksums_of(session)
    for bucket, (ids, checksums) in parts.items():
        yield bucket, (split, b"\n".join(ids), packing.pack_ints(checksums))


def checksums_of(session: Session) -> tuple[int, int]:
    """Returns two checksums of a session, one of which is the same for another export of it.

    Exports may have times in whole seconds: truncated in the first checksum, rounded in the second.
    The order of events within a second does not count, as rows may have been sorted.
    """
    cut = [time // 1000 for time in session.event_times]
    rounded = [(time + 500) // 1000 for time in session.event_times]
    first = _checksum(cut, session.item_ids)
    return first, first if rounded == cut else _checksum(rounded, session.item_ids)


def _checksum(seconds: list[int], items: Sequence[bytes]) -> int:
    if len(set(seconds)) < len(seconds):
        items = [item for _, item in sorted(zip(seconds, items, strict=True))]
    return zlib.crc32(b"\n".join(items), zlib.crc32(packing.pack_ints(seconds)))


def count_shared(element: tuple[int, Iterable[Identities]]) -> Report:
    """Counts the sessions of a bucket that two splits share, and the copies among them."""
    known: dict[str, dict[bytes, tuple[int, int]]] = {}
    for split, ids, packed in element[1]:
        sums = packing.unpack_ints(packed)
        pairs = zip(ids.split(b"\n"), zip(sums[::2], sums[1::2], strict=True), strict=True)
        known.setdefault(split, {}).update(pairs)
    counts: Counter[str] = Counter()
    for early, late in split_pairs(known):
        shared = known[early].keys() & known[late].keys()
        counts[f"{late}.sessions_also_in.{early}"] = len(shared)
        both = ((known[early][each], known[late][each]) for each in shared)
        copied = sum(one[0] == other[0] or one[1] == other[1] for one, other in both)
        counts[f"{late}.sessions_copied_from.{early}"] = copied
    return Report(dict(counts))


class CountShared(beam.PTransform):
    """Turns (bucket, identities) of all input splits into reports."""

    def expand(self, identities: beam.PCollection) -> beam.PCollection:
        """Groups identities by bucket."""
        return identities | beam.GroupByKey() | beam.Map(count_shared)
