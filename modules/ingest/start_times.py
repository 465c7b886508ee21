"""Cuts train, and counts start times, on Beam."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from typing import Any

import apache_beam as beam

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.ingest import packing
from modules.sessions.time_splits import timeline

PackedStarts = tuple[str, bytes]
"""Input split, and packed start times (ms) of some of its sessions."""


class CombineStarts(beam.CombineFn):
    """Combines packed start times into (cuts of train or None, counts)."""

    def __init__(self, inputs: list[str], options: SessionOptions, tail: TailOptions) -> None:
        """Stores the input splits' names, and how much of train becomes eval and test."""
        self._inputs, self._options, self._tail = inputs, options, tail

    def create_accumulator(self) -> list[PackedStarts]:
        """Returns an empty list."""
        return []

    def add_input(
        self, accumulator: list[PackedStarts], element: PackedStarts
    ) -> list[PackedStarts]:
        """Adds the sessions of a bucket."""
        accumulator.append(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[PackedStarts]]) -> list[PackedStarts]:
        """Joins the lists."""
        return [*itertools.chain.from_iterable(accumulators)]

    def extract_output(self, accumulator: list[PackedStarts]) -> Any:
        """Returns (cuts, counts), see `modules.sessions.time_splits.timeline`."""
        packed: dict[str, list[bytes]] = {}
        for split, starts in accumulator:
            packed.setdefault(split, []).append(starts)
        start_times = {
            split: packing.unpack_ints(b"".join(parts)) for split, parts in packed.items()
        }
        now = time.time_ns() // 1_000_000
        found = timeline(start_times, self._inputs, self._options, self._tail, now)
        return (None if found.cuts is None else tuple(found.cuts)), found.counts
