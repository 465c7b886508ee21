"""What a pass over the sessions finds: lengths, unknown items, sessions to show."""

from __future__ import annotations

import dataclasses
import heapq
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from tfx import types
from tfx.types import artifact_utils

from modules.array_types import IntArray
from modules.data.vocabulary import Vocabulary
from modules.sessions.examples import SessionBatch, read_batches

# Enough for plots and rates, and read within seconds.
MOST_SESSIONS = 50_000
EXAMPLES = 20
_EXAMPLE_LENGTHS = range(3, 11)


class ExampleSession(NamedTuple):
    """A session to be shown: the query, and what came next."""

    session_id: bytes
    prefix: list[bytes]
    target: bytes


@dataclasses.dataclass(frozen=True)
class SplitFacts:
    """Facts of one split.

    Attributes:
      sessions: how many were read.
      events: their events.
      items: their distinct items.
      lengths: number of sessions by number of events, int64 `[longest + 1]`.
      unknown_events: events with items that the vocabulary does not hold.
      uncatalogued_events: events with items that cannot be recommended, unknown ones among them.
      unknown_items: distinct items that the vocabulary does not hold.
      examples: sessions to show, chosen by a hash of their ids.
    """

    sessions: int
    events: int
    items: int
    lengths: IntArray
    unknown_events: int
    uncatalogued_events: int
    unknown_items: int
    examples: tuple[ExampleSession, ...]


def read_facts(examples: types.Artifact, vocabulary: Vocabulary) -> dict[str, SplitFacts]:
    """Reads the first sessions of every split."""
    known = set(vocabulary.item_ids.tolist())
    catalogue = set(vocabulary.item_ids[: vocabulary.catalogue_size].tolist())
    splits = artifact_utils.decode_split_names(examples.split_names)
    folders = {split: artifact_utils.get_split_uri([examples], split) for split in splits}
    return {
        split: split_facts(first_sessions(read_batches(folder), MOST_SESSIONS), known, catalogue)
        for split, folder in folders.items()
    }


def first_sessions(batches: Iterable[SessionBatch], most: int) -> Iterator[SessionBatch]:
    """Yields batches until they hold `most` sessions or a few more."""
    found = 0
    for batch in batches:
        yield batch
        found += len(batch.session_ids)
        if found >= most:
            return


def split_facts(
    batches: Iterable[SessionBatch], known: set[bytes], catalogue: set[bytes]
) -> SplitFacts:
    """Reads the sessions of a split once.

    Args:
      batches: the sessions.
      known: raw ids in the vocabulary.
      catalogue: raw ids that can be recommended.
    """
    lengths = np.zeros(1, np.int64)
    events: dict[bytes, int] = {}
    chosen: list[tuple[int, int, ExampleSession]] = []
    sessions = 0
    for batch in batches:
        found = np.bincount(np.diff(batch.offsets), minlength=len(lengths))
        found[: len(lengths)] += lengths
        lengths = found.astype(np.int64)
        for item in batch.items.tolist():
            events[item] = events.get(item, 0) + 1
        chosen = heapq.nsmallest(EXAMPLES, [*chosen, *_candidates(batch, sessions)])
        sessions += len(batch.session_ids)
    return SplitFacts(
        sessions=sessions,
        events=sum(events.values()),
        items=len(events),
        lengths=lengths,
        unknown_events=sum(count for item, count in events.items() if item not in known),
        uncatalogued_events=sum(n for item, n in events.items() if item not in catalogue),
        unknown_items=sum(item not in known for item in events),
        examples=tuple(example for _, _, example in chosen),
    )


def _candidates(batch: SessionBatch, first: int) -> Iterator[tuple[int, int, ExampleSession]]:
    """Yields the sessions that are short enough to read, with a hash and a number to sort by."""
    for row in np.flatnonzero(np.isin(np.diff(batch.offsets), list(_EXAMPLE_LENGTHS))):
        items = batch.items[batch.offsets[row] : batch.offsets[row + 1]].tolist()
        session_id = batch.session_ids[row]
        example = ExampleSession(session_id, items[:-1], items[-1])
        yield zlib.crc32(session_id), first + int(row), example
