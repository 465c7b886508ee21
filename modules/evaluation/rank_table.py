"""The rank table: one row per step of the evaluated sessions, a column of ranks per model.

Every comparison reads it: candidate, last blessed model and baselines stand side by side, step by
step, so that comparisons are paired. Its Parquet file has the columns

| column | type | value |
|---|---|---|
| `session_id` | binary | rows are sorted by it, then by step |
| `step` | int32 | 0 is the first prediction; the prefix of step j is items 0 to j |
| `known` | bool | the step counts in the known view |
| `context_length` | int32 | known items in the prefix |
| `target_count` | int64 | training events of the target, 0 for an unknown one |
| `item_age` | int32 | days since the target's first training event; not in the baselines' table |
| `last_blessed_known` | bool | `known` of the last blessed model; only where there is one |
| name of a model or baseline | int32 | conservative rank; `ranks.UNRANKED` if not recommended |
| `known_rank:` and such a name | int32 | the same in the known view |

Sessions without steps give no row; a table without rows has all of its columns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modules.array_types import BoolArray, IntArray
from modules.evaluation import metrics
from modules.evaluation.metric_names import STEPS, VIEWS
from modules.evaluation.slice_names import NEW_ITEM, Bounds, bucket_names, slice_names
from modules.messages.quoting import quote

CANDIDATE, LAST_BLESSED = "candidate", "last_blessed"
FILE_NAME = "ranks.parquet"
_KEYS = ("session_id", "step")
_OF_KNOWN_VIEW = "known_rank:"
_STEP_COLUMNS = ("known", "context_length", "target_count", "item_age", "last_blessed_known")


class TablesDifferError(ValueError):
    """Two rank tables do not hold the same steps."""


@dataclasses.dataclass(frozen=True)
class RankTable:
    """Ranks of the targets of all steps, sorted by session id and step.

    Attributes:
      session_ids: bytes `[sessions]`.
      offsets: int64 `[sessions + 1]`: session i has the steps `offsets[i]:offsets[i + 1]`.
      known: bool `[steps]`, whether a step counts in the known view of the candidate.
      context_length: int64 `[steps]`, known items in the prefix.
      target_count: int64 `[steps]`, training events of the target; 0 for an unknown one.
      ranks: int64 or int32 `[steps]` by model or baseline, 1 is best.
      item_age: int64 `[steps]`, days from the target's first training event to this step; -1 for an
        item that training has not seen; None if unknown.
      last_blessed_known: `known` of the last blessed model, None without one.
      known_ranks: ranks in the known view, int64 `[steps]` by model or baseline; without its name,
        they are those of `ranks`.
    """

    session_ids: npt.NDArray[np.object_]
    offsets: IntArray
    known: BoolArray
    context_length: IntArray
    target_count: IntArray
    ranks: Mapping[str, npt.NDArray[np.integer[Any]]]
    item_age: IntArray | None = None
    last_blessed_known: BoolArray | None = None
    known_ranks: Mapping[str, npt.NDArray[np.integer[Any]]] = dataclasses.field(
        default_factory=dict
    )

    def ranks_in(self, view: str, column: str) -> npt.NDArray[np.integer[Any]]:
        """Returns the ranks of a model or baseline in a view, int64 `[steps]`."""
        ranks = self.ranks[column]
        return self.known_ranks.get(column, ranks) if view == "known" else ranks

    @property
    def session(self) -> IntArray:
        """Position of each step's session, int64 `[steps]`."""
        return np.repeat(np.arange(len(self.session_ids)), np.diff(self.offsets))

    @property
    def step(self) -> IntArray:
        """Position of each step in its session, from 0, int64 `[steps]`."""
        return np.arange(self.offsets[-1]) - np.repeat(self.offsets[:-1], np.diff(self.offsets))

    @property
    def session_length(self) -> IntArray:
        """Events of each step's session, int64 `[steps]`."""
        steps = np.diff(self.offsets)
        return np.repeat(steps + 1, steps)

    def rows(self, session_ids: npt.NDArray[np.object_], step: IntArray) -> IntArray:
        """Returns the rows of steps, int64 `[steps]`; the table must hold their sessions."""
        return self.offsets[np.searchsorted(self.session_ids, session_ids)] + step

    def counted(self, view: str, steps: str, known: BoolArray | None = None) -> BoolArray:
        """Returns which steps count, bool `[steps]`; `known` defaults to the candidate's."""
        known = self.known if known is None else known
        of_view = known if view == "known" else np.ones(len(self.known), bool)
        if steps == "all":
            return of_view
        places, session = np.flatnonzero(of_view), self.session
        is_last = np.append(np.diff(session[places]) != 0, True)[: len(places)]
        last = np.zeros(len(of_view), bool)
        last[places[is_last]] = True
        return last

    def in_slice(self, name: str, bounds: Bounds) -> BoolArray:
        """Returns which steps belong to a slice, bool `[steps]`.

        Raises:
          ValueError: no slice has this name.
        """
        if name == NEW_ITEM:
            return self._feature("item_age") < 0
        feature = name.partition("=")[0]
        names = bucket_names(feature, bounds[feature]) if feature in bounds else []
        if name not in names:
            raise ValueError(f"no slice is named {name!r}: they are {slice_names(bounds)}")
        values = self._feature(feature)
        bucket = np.searchsorted(bounds[feature], values, side="left")
        return (bucket == names.index(name)) & (values >= 0)

    def _feature(self, name: str) -> IntArray:
        values: IntArray | None = getattr(self, name)
        if values is None:
            raise ValueError(f"the rank table has no column {name}, which its slices need")
        return values

    def joined(self, other: RankTable) -> RankTable:
        """Returns the table with the rank columns of another table of the same steps.

        Raises:
          TablesDifferError: a step is in only one of the tables.
        """
        _check_same_steps(self, other)
        ranks = {**self.ranks, **other.ranks}
        known_ranks = {**self.known_ranks, **other.known_ranks}
        return dataclasses.replace(self, ranks=ranks, known_ranks=known_ranks)


def _check_same_steps(table: RankTable, other: RankTable) -> None:
    same_sessions = np.array_equal(table.session_ids, other.session_ids)
    if same_sessions and np.array_equal(table.offsets, other.offsets):
        return
    only = set(table.session_ids.tolist()) ^ set(other.session_ids.tolist())
    example = f", such as session {quote(min(only))}, which only one of them holds" if only else ""
    raise TablesDifferError(
        f"rank tables of {table.offsets[-1]} and {other.offsets[-1]} steps in "
        f"{len(table.session_ids)} and {len(other.session_ids)} sessions do not hold the same "
        f"steps{example}"
    )


def all_metrics(table: RankTable, column: str) -> dict[str, float]:
    """Returns all metrics of a column and the counts of steps, by name; NaN over no step.

    The last blessed model is evaluated in its own known view.
    """
    known = table.last_blessed_known if column == LAST_BLESSED else None
    histograms = [
        [
            metrics.rank_histogram(table.ranks_in(view, column)[table.counted(view, steps, known)])
            for steps in STEPS
        ]
        for view in VIEWS
    ]
    return metrics.metrics_from_rank_histograms(histograms)


def to_parquet(table: RankTable) -> bytes:
    """Returns the content of a Parquet file."""
    import pyarrow as pa  # Slow, and commands import this module for the names of columns.
    import pyarrow.parquet as pq

    session_ids = pa.array(table.session_ids.tolist(), pa.binary())
    columns: dict[str, pa.Array] = {
        "session_id": session_ids.take(pa.array(table.session)),
        "step": pa.array(table.step.astype(np.int32)),
        "known": pa.array(table.known),
        "context_length": pa.array(table.context_length.astype(np.int32)),
        "target_count": pa.array(table.target_count),
    }
    if table.item_age is not None:
        columns["item_age"] = pa.array(table.item_age.astype(np.int32))
    if table.last_blessed_known is not None:
        columns["last_blessed_known"] = pa.array(table.last_blessed_known)
    known_ranks = {_OF_KNOWN_VIEW + name: rank for name, rank in table.known_ranks.items()}
    ranks = {**table.ranks, **known_ranks}
    columns |= {name: pa.array(rank.astype(np.int32)) for name, rank in ranks.items()}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def from_parquet(content: bytes) -> RankTable:
    """Reads a table from the content of a Parquet file.

    Raises:
      ValueError: a column is missing, or rows are not sorted by session and step.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    # Importing it keeps PyArrow 10 from running code in a Parquet file.
    import pyarrow_hotfix  # noqa: F401

    found = pq.read_table(pa.BufferReader(content))
    missing = {*_KEYS, *_STEP_COLUMNS[:3]} - set(found.column_names)
    if missing:
        raise ValueError(f"the rank table has no column {', '.join(sorted(missing))}")
    session_id = found["session_id"].combine_chunks()
    is_other = pc.not_equal(session_id[1:], session_id[:-1]).to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.append(True, is_other.astype(bool))[: len(session_id)])
    columns = {name: found[name].to_numpy() for name in found.column_names if name != "session_id"}
    steps = len(session_id)
    age = columns.get("item_age")
    ranks = {
        name: column.astype(np.int64)
        for name, column in columns.items()
        if name not in {*_KEYS, *_STEP_COLUMNS}
    }
    table = RankTable(
        session_ids=np.array(session_id.take(pa.array(starts)).to_pylist(), object),
        offsets=np.append(starts, steps).astype(np.int64),
        known=columns["known"].astype(bool),
        context_length=columns["context_length"].astype(np.int64),
        target_count=columns["target_count"].astype(np.int64),
        item_age=None if age is None else age.astype(np.int64),
        ranks={name: rank for name, rank in ranks.items() if not name.startswith(_OF_KNOWN_VIEW)},
        last_blessed_known=columns.get("last_blessed_known"),
        known_ranks={
            name.removeprefix(_OF_KNOWN_VIEW): rank
            for name, rank in ranks.items()
            if name.startswith(_OF_KNOWN_VIEW)
        },
    )
    ids = table.session_ids.tolist()
    if ids != sorted(set(ids)) or not np.array_equal(table.step, columns["step"]):
        raise ValueError("the rank table must be sorted by session_id and step, each step once")
    return table


def empty_table(columns: Sequence[str]) -> RankTable:
    """Returns a table without steps."""
    none = np.zeros(0, np.int64)
    return RankTable(
        session_ids=np.zeros(0, object),
        offsets=np.zeros(1, np.int64),
        known=np.zeros(0, bool),
        context_length=none,
        target_count=none,
        item_age=none,
        ranks=dict.fromkeys(columns, none),
    )
