"""Reads the sessions of splits into arrays of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modules.array_types import IntArray
from modules.data.item_positions import ItemIds
from modules.evaluation.prediction_steps import IndexedSessions
from modules.sessions.examples import read_batches

_SESSIONS_PER_BATCH = 4_096


class SortedSessions(NamedTuple):
    """Sessions sorted by id, then by start.

    Attributes:
      session_ids: binary `[sessions]`.
      sessions: the sessions, items as int32.
    """

    session_ids: pa.ChunkedArray
    sessions: IndexedSessions


def read_sorted(folders: Sequence[str], positions: Callable[[ItemIds], IntArray]) -> SortedSessions:
    """Reads splits; of an event, 4 bytes are kept, of a session some 20 and its id.

    Args:
      folders: folders of the splits, from `artifact_utils.get_split_uri`.
      positions: maps raw item ids to positions in the catalogue.
    """
    session_ids: list[pa.Array] = []
    starts, lengths, items = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [_NO_ITEMS]
    for folder in folders:
        for batch in read_batches(folder, _SESSIONS_PER_BATCH):
            session_ids.append(pa.array(batch.session_ids, pa.binary()))
            starts.append(batch.start_times)
            lengths.append(np.diff(batch.offsets))
            items.append(positions(batch.items).astype(np.int32))
    read = IndexedSessions(
        np.concatenate(items),
        np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
        np.concatenate(starts),
    )
    del items
    keys = pa.table({"id": pa.chunked_array(session_ids, pa.binary()), "start": read.start_times})
    del session_ids
    ascending = [(name, "ascending") for name in keys.column_names]
    order = pc.sort_indices(keys, sort_keys=ascending)
    return SortedSessions(keys["id"].take(order), read.ordered(order.to_numpy()))


_NO_ITEMS = np.zeros(0, np.int32)
