"""The table of ranks that comparisons with baselines start from; one row per judged step.

Rows are in the order of session id, then step. Columns:

| column | type | value |
|---|---|---|
| `session_id` | binary | of the session |
| `step` | int32 | 0 is the first prediction; the prefix of step j is items 0 to j |
| `known` | bool | the step counts in the known view |
| `context_length` | int32 | known items in the prefix |
| `target_count` | int64 | training events of the target, 0 for an unknown one |
| a baseline's name | int32 | conservative rank; `metrics.UNRANKED` of what it cannot recommend |

A split without steps gives a table without rows that has all of the columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from modules.array_types import IntArray
from modules.baselines.registry import IndexedSplits

FILE_NAME = "ranks.parquet"
KEYS = ("session_id", "step")


def rank_table(
    session_ids: Sequence[bytes], judged: IndexedSplits, ranks: Mapping[str, IntArray]
) -> pa.Table:
    """Puts the table together.

    Args:
      session_ids: of the judged sessions, sorted.
      judged: their steps.
      ranks: int64 `[steps]` by the baseline's name.
    """
    lengths = np.diff(judged.offsets)
    session = np.repeat(np.arange(len(lengths)), lengths)
    columns = {
        "session_id": pa.array(session_ids, pa.binary()).take(pa.array(session)),
        "step": pa.array(np.arange(len(session)) - judged.offsets[session], pa.int32()),
        "known": pa.array(judged.known),
        "context_length": pa.array(judged.context_length, pa.int32()),
        "target_count": pa.array(judged.target_count, pa.int64()),
    }
    return pa.table(columns | {name: pa.array(rank, pa.int32()) for name, rank in ranks.items()})
