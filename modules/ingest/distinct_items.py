"""Counts the different items of each output split, exactly, and never all of them in one place."""

from __future__ import annotations

import collections
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping

import apache_beam as beam

from modules.ingest.report import Report

ItemKey = tuple[str, int]
"""Output split and bucket of item ids."""
SomeItems = tuple[ItemKey, bytes]
"""Different item ids, joined by line feeds, which no id has."""


def items_by_bucket(items: Mapping[str, Collection[bytes]], buckets: int) -> Iterator[SomeItems]:
    """Packs different item ids by split and bucket."""
    for split, ids in items.items():
        parts: dict[int, list[bytes]] = collections.defaultdict(list)
        for item_id in ids:
            parts[zlib.crc32(item_id) % buckets].append(item_id)
        for bucket, some in parts.items():
            yield (split, bucket), b"\n".join(some)


def count_items(element: tuple[ItemKey, Iterable[bytes]]) -> Report:
    """Counts the different items of a bucket."""
    (split, _), parts = element
    distinct: set[bytes] = set()
    for packed in parts:
        distinct.update(packed.split(b"\n"))
    return Report({f"{split}.items": len(distinct)})


class CountItems(beam.PTransform):
    """Turns `SomeItems` into reports."""

    def expand(self, items: beam.PCollection) -> beam.PCollection:
        """Groups ids by bucket."""
        return items | beam.GroupByKey() | beam.Map(count_items)
