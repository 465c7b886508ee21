"""Which sessions occur in two input splits: the same id, or a copy with the same events.

Ids travel once more, by bucket as events do, each with a checksum of its session's events.
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
"""Input split, session ids joined by line ends, packed checksums of their events, two for each."""


def identities_by_bucket(
    split: str, sessions: Iterable[Session], buckets: int
) -> Iterator[tuple[int, Identities]]:
    """Packs the identities of sessions by bucket of session ids, the same for all splits."""
    parts: dict[int, tuple[list[bytes], list[int]]] = {}
    for session in sessions:
        bucket = zlib.crc32(session.session_id) % buckets
        ids, checksums = parts.setdefault(bucket, ([], []))
        ids.append(session.session_id)
        checksums += checksums_of(session)
    for bucket, (ids, checksums) in parts.items():
        yield bucket, (split, b"\n".join(ids), packing.pack_ints(checksums))


def checksums_of(session: Session) -> tuple[int, int]:
    """Sums a session's events up twice; one of the sums is the same for another export of it.

    Times count in whole seconds, as other formats have them: cut off in the first sum, rounded in
    the second one. Events of one second may be in any order, as rows may have been sorted.
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
    """Counts the sessions of a bucket that two splits share, and those that are copies."""
    known: dict[str, dict[bytes, tuple[int, int]]] = {}
    for split, ids, packed in element[1]:
        sums = packing.unpack_ints(packed)
        pairs = zip(ids.split(b"\n"), zip(sums[::2], sums[1::2], strict=True), strict=True)
        known.setdefault(split, {}).update(pairs)
    counts: Counter[str] = Counter()
    for early, late in split_pairs(known):
        shared = known[early].keys() & known[late].keys()
        counts[f"{late}.sessions_also_in.{early}"] = len(shared)
        copied = sum(_is_copy(known[early][each], known[late][each]) for each in shared)
        counts[f"{late}.sessions_copied_from.{early}"] = copied
    return Report(dict(counts))


def _is_copy(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return first[0] == second[0] or first[1] == second[1]


class CountShared(beam.PTransform):
    """Turns (bucket, identities) of all input splits into reports of counts."""

    def expand(self, identities: beam.PCollection) -> beam.PCollection:
        """Brings each bucket's identities together."""
        return identities | beam.GroupByKey() | beam.Map(count_shared)
