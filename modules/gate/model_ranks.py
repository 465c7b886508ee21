"""Calls saved models: the rank of every step's target, and what they recommend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tfx import types
from tfx.utils import path_utils

from modules.array_types import FloatArray, IntArray
from modules.daily.model_day import read_day
from modules.evaluation.item_history import ItemHistory
from modules.evaluation.rank_table import RankTable
from modules.evaluation.ranks import UNRANKED
from modules.evaluation.slices import step_outputs
from modules.files.learned_data import LearnedData, read_learned
from modules.files.model_folder import known_items
from modules.messages.quoting import first_line
from modules.sessions.examples import ExampleEncoder, SessionBatch

# Cells of a padded batch of prefixes: a few thousand short prefixes, or a few very long ones.
_CELLS_PER_BATCH = 50_000
_PREFIXES_PER_BATCH = 1_024
# A model scores all items after each prefix: 100 MB of scores, of which it makes some copies.
_SCORES_PER_BATCH = 25_000_000
# No vocabulary holds them: a line ends there. A model may answer the first after itself.
_UNKNOWN_ITEMS = [b"a\na", b"b\nb"]


class UnusableModelError(Exception):
    """A model cannot be loaded, or its signatures fail; the message says why."""


class Model:
    """A loaded SavedModel."""

    def __init__(self, artifact: types.Artifact) -> None:
        """Loads a Model artifact.

        Raises:
          UnusableModelError: the model cannot be loaded, or lacks a signature.
        """
        self._folder = folder = path_utils.serving_model_path(artifact.uri)
        try:
            # The object is kept: signatures do not keep its variables alive.
            self._loaded = tf.saved_model.load(folder)
            self._evaluate = self._loaded.signatures["evaluate"]
            self._recommend = self._loaded.signatures["recommend"]
        except Exception as error:  # whatever is wrong with its files
            raise UnusableModelError(f"cannot be loaded: {first_line(error)}") from error

    def known_items(self) -> frozenset[bytes] | None:
        """Returns the ids of all items that the model knows, None if it does not list them."""
        known = known_items(self._folder)
        return None if known is None else frozenset(known)

    def learned(self) -> LearnedData | None:
        """Returns the record of what the model learned, None if it has none.

        Raises:
          UnusableModelError: the record is damaged.
        """
        try:
            return read_learned(self._folder)
        except ValueError as error:
            raise UnusableModelError(f"cannot be used: {error}") from error

    def day(self) -> str | None:
        """Returns the day whose run pushed the model; None if it keeps none."""
        return read_day(self._folder)

    def evaluate(self, serialized: npt.NDArray[np.object_]) -> dict[str, IntArray]:
        """Returns the outputs of `evaluate`, int64 `[sessions, steps]` each.

        A target that the model cannot recommend has rank `UNRANKED`, whatever the model returns.

        Raises:
          UnusableModelError: the call fails, or the outputs differ in shape.
        """
        found = self._outputs(serialized)
        ranks = {
            name: np.where(found[name] >= self._rank_of_unknown, UNRANKED, found[name])
            for name in ("rank", "known_rank")
        }
        return {**found, **ranks}

    @cached_property
    def _rank_of_unknown(self) -> int:
        """The rank that the model returns for an unknown item outside the session.

        Models exported by earlier versions return |catalogue| + 1, which can be a hit.
        """
        session = ExampleEncoder().encode(b"", 0, _UNKNOWN_ITEMS, [0, 0])
        outputs = self._outputs(np.array([session], object))
        rank = int(outputs["rank"].max(initial=0))
        if rank < 2:
            raise UnusableModelError(
                f"must rank an item that it does not know behind all others, got rank {rank}"
            )
        return rank

    def _outputs(self, serialized: npt.NDArray[np.object_]) -> dict[str, IntArray]:
        try:
            outputs = self._evaluate(examples=tf.constant(serialized, tf.string))
            found = {name: values.numpy() for name, values in step_outputs(outputs).items()}
        except Exception as error:
            raise UnusableModelError(f"does not evaluate sessions: {first_line(error)}") from error
        if len({output.shape for output in found.values()}) > 1:
            shapes = ", ".join(f"{name} {output.shape}" for name, output in found.items())
            raise UnusableModelError(f"evaluates sessions with outputs of several shapes: {shapes}")
        return found

    def recommend(self, item_ids: list[list[bytes]], k: int) -> tuple[Any, FloatArray]:
        """Returns the first k recommended raw ids and their scores, `[prefixes, at most k]`.

        Raises:
          UnusableModelError: the call fails.
        """
        padded = tf.ragged.constant(item_ids, tf.string, ragged_rank=1).to_tensor("")
        try:
            outputs = self._recommend(item_ids=padded)
            ids, scores = outputs["item_ids"].numpy(), outputs["scores"].numpy()
        except Exception as error:
            raise UnusableModelError(f"does not recommend: {first_line(error)}") from error
        return ids[:, :k], scores[:, :k]


# Types of what waits for the last batch; only counts of events may exceed int32.
_COLUMN_TYPES = {
    "rank": np.int32,
    "known_rank": np.int32,
    "known": np.bool_,
    "context_length": np.int32,
    "target_count": np.int64,
    "item_age": np.int32,
}


class _BatchRanks(NamedTuple):
    session_ids: npt.NDArray[np.object_]
    lengths: IntArray
    columns: dict[str, npt.NDArray[Any]]


def rank_targets(
    model: Model, batches: Iterable[SessionBatch], history: ItemHistory, column: str
) -> RankTable:
    """Ranks the target of every step with a model's `evaluate`.

    Args:
      model: the model.
      batches: sessions to evaluate; those without a step are left out.
      history: items of the training data, for their ages.
      column: name of the column of ranks.

    Raises:
      UnusableModelError: the model cannot evaluate the sessions.
    """
    parts = [_rank_batch(model, batch, history) for batch in batches]
    none = np.zeros(0, np.int64)
    lengths = np.concatenate([none, *(part.lengths for part in parts)])
    session_ids = np.concatenate([np.zeros(0, object), *(part.session_ids for part in parts)])
    order = np.argsort(session_ids, kind="stable")
    starts, lengths = (np.cumsum(lengths) - lengths)[order], lengths[order]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)

    def sorted_column(name: str, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
        values = [np.zeros(0, _COLUMN_TYPES[name]), *(part.columns.pop(name) for part in parts)]
        return np.concatenate(values)[rows].astype(dtype)

    return RankTable(
        session_ids=session_ids[order],
        offsets=offsets,
        known=sorted_column("known", bool),
        context_length=sorted_column("context_length"),
        target_count=sorted_column("target_count"),
        item_age=sorted_column("item_age"),
        ranks={column: sorted_column("rank")},
        known_ranks={column: sorted_column("known_rank")},
    )


def _rank_batch(model: Model, batch: SessionBatch, history: ItemHistory) -> _BatchRanks:
    outputs = model.evaluate(batch.serialized)
    exists = outputs["rank"] > 0
    lengths = np.diff(batch.offsets)
    steps = np.maximum(lengths - 1, 0)
    if not np.array_equal(exists.sum(axis=1), steps):
        raise UnusableModelError("evaluates another number of steps than the sessions have")
    columns = {name: output[exists] for name, output in outputs.items()}
    is_target = np.ones(int(batch.offsets[-1]), bool)  # all events but the first of each session
    is_target[batch.offsets[:-1][lengths > 0]] = False
    positions = history.lookup(batch.items[is_target])
    columns["item_age"] = history.age_days(positions, batch.times[is_target])
    columns = {name: values.astype(_COLUMN_TYPES[name]) for name, values in columns.items()}
    has_steps = steps > 0
    return _BatchRanks(batch.session_ids[has_steps], steps[has_steps], columns)


class Prefixes(NamedTuple):
    """Some steps, as queries to a recommender.

    Attributes:
      session: number of each prefix's session, int64 `[prefixes]`.
      session_id: raw session ids, bytes `[prefixes]`.
      items: raw item ids of each prefix.
      target: raw item ids, bytes `[prefixes]`.
    """

    session: IntArray
    session_id: npt.NDArray[np.object_]
    items: list[list[bytes]]
    target: npt.NDArray[np.object_]

    @property
    def step(self) -> IntArray:
        """Position of each prefix's step in its session, from 0, int64 `[prefixes]`."""
        return np.array([len(items) - 1 for items in self.items])


_Prefix = tuple[int, bytes, list[bytes], bytes]


def prefixes(
    batches: Iterable[SessionBatch],
    takes_part: Any,
    catalogue: int,
    cells: int = _CELLS_PER_BATCH,
) -> Iterator[Prefixes]:
    """Yields the prefixes of selected sessions, in batches of a bounded padded size.

    Args:
      batches: all sessions.
      takes_part: maps session ids, bytes `[sessions]`, to a selection, bool `[sessions]`.
      catalogue: number of items that a model scores after each prefix, about; of many, few
        prefixes make a batch.
      cells: maximum number of cells of a padded batch; a single longer prefix may exceed it.
    """
    most = max(1, min(_PREFIXES_PER_BATCH, _SCORES_PER_BATCH // max(catalogue, 1)))
    waiting: list[_Prefix] = []
    session, longest = 0, 0
    for batch in batches:
        for row in np.flatnonzero(takes_part(batch.session_ids)):
            items = batch.items[batch.offsets[row] : batch.offsets[row + 1]].tolist()
            for end in range(1, len(items)):
                size = max(longest, end) * (len(waiting) + 1)
                if waiting and (size > cells or len(waiting) >= most):
                    yield _prefixes(waiting)
                    waiting, longest = [], 0
                longest = max(longest, end)
                waiting.append((session, batch.session_ids[row], items[:end], items[end]))
            session += 1
    if waiting:
        yield _prefixes(waiting)


def _prefixes(rows: list[_Prefix]) -> Prefixes:
    session, session_id, items, target = zip(*rows, strict=True)
    return Prefixes(
        np.array(session), np.array(session_id, object), list(items), np.array(target, object)
    )
