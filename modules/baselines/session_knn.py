"""Baselines that recommend the items of similar training sessions: V-SkNN and STAN.

Both take the newest training sessions that share an item with the prefix, keep the most similar
ones, the neighbors, and add up their weights for each of their items. They differ in the weights.
Of equally similar neighbors the newer ones are kept.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from modules.array_types import FloatArray, IntArray
from modules.baselines.base import Baseline, SparseBaseline
from modules.baselines.inverted_index import Matches, SessionIndex, place_in_group
from modules.config.options.baselines import BaselineOptions
from modules.evaluation.item_history import MS_PER_DAY
from modules.evaluation.prediction_steps import IndexedSessions, Steps, last_visits

# Sums of the same terms in another order differ in the last of 53 bits; equal sums must tie.
_KEPT_BITS = 40


@dataclass
class SessionNeighbors(SparseBaseline):
    """What V-SkNN and STAN share.

    Attributes:
      neighbors: number of neighbors, the most similar sessions.
      recent: number of the newest sessions that share an item, which neighbors are chosen from.
    """

    neighbors: int
    recent: int
    _index: SessionIndex = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Checks the settings.

        Raises:
          ValueError: a number of sessions is below 1.
        """
        for name in ("neighbors", "recent"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Indexes the sessions.

        Raises:
          ValueError: the sessions have no start times.
        """
        self.items = items
        self._index = SessionIndex.build(sessions, items, self.recent)

    def cost(self, steps: Steps) -> IntArray:
        """Returns about how many sessions share an item, plus the items of the neighbors."""
        shared = self._index.cost(steps)
        sessions, _ = self._index.positions.shape
        mean_length = int(np.ceil(self._index.positions.nnz / max(sessions, 1)))
        return shared + np.minimum(shared, self.neighbors) * mean_length

    def scores(self, steps: Steps) -> sparse.csr_matrix:
        """Returns the neighbors' items with the sums of what each neighbor adds."""
        visits = last_visits(steps, self.items)
        lengths = (steps.end - steps.first)[visits.step]
        found = self._index.matches(steps, visits, self._visit_weight(visits.age, lengths))
        nearest = self._nearest(self._similar(found))
        pair, item, position = self._index.items_of(nearest.session)
        value = self._added(nearest, pair, item, position)
        shape = (len(steps), self.items)
        scores = sparse.csr_matrix((value, (nearest.step[pair], item)), shape=shape)
        scores.data = _rounded(scores.data)
        return self._adjusted(scores, steps)

    def _nearest(self, found: Matches) -> Matches:
        order = np.lexsort((found.session, -_rounded(found.similarity), found.step))
        near = order[place_in_group(found.step[order]) < self.neighbors]
        return found.take(np.sort(near))

    @abstractmethod
    def _visit_weight(self, age: IntArray, length: IntArray) -> FloatArray:
        """Returns the similarity from sharing an item of this age, in a prefix of this length."""

    def _similar(self, found: Matches) -> Matches:
        """Returns the matches with their final similarity."""
        return found

    @abstractmethod
    def _added(
        self, nearest: Matches, pair: IntArray, item: IntArray, position: IntArray
    ) -> FloatArray:
        """Returns what a neighbor adds to the score of its item at a position."""

    def _adjusted(self, scores: sparse.csr_matrix, steps: Steps) -> sparse.csr_matrix:
        """Returns the final scores."""
        return scores


@dataclass
class VSkNN(SessionNeighbors):
    """Session neighbors, late events weighing most (Ludewig and Jannach, 2018; `div`, `div`).

    A session's similarity is the sum, over the distinct items that it shares with the prefix, of
    their last place in the prefix / length of the prefix. It adds similarity / n to each of its
    items, where the newest item shared is the n-th event from the prefix's end. An item's sum is
    multiplied by 1 + idf_weight * log(sessions / events of the item).

    Attributes:
      idf_weight: preference of rare items; 0 switches it off.
    """

    neighbors: int = BaselineOptions.v_sknn_neighbors
    recent: int = BaselineOptions.v_sknn_recent
    idf_weight: float = BaselineOptions.v_sknn_idf_weight
    _item_weight: FloatArray = field(init=False, repr=False)

    def fit(self, sessions: IndexedSessions, items: int) -> None:
        """Indexes the sessions and counts the events of each item."""
        super().fit(sessions, items)
        events = sessions.event_counts(items)
        total = len(sessions.offsets) - 1
        self._item_weight = 1 + self.idf_weight * np.log(total / np.maximum(events, 1))

    def _visit_weight(self, age: IntArray, length: IntArray) -> FloatArray:
        return (length - age) / length

    def _added(
        self, nearest: Matches, pair: IntArray, item: IntArray, position: IntArray
    ) -> FloatArray:
        added: FloatArray = nearest.similarity / (nearest.age + 1)
        return added[pair]

    def _adjusted(self, scores: sparse.csr_matrix, steps: Steps) -> sparse.csr_matrix:
        scores.data *= self._item_weight[scores.indices]
        return scores


@dataclass
class STAN(SessionNeighbors):
    """Session neighbors with sequence and time (Garg et al., 2019).

    An item of the prefix whose last visit is `age` events before the current one weighs
    exp(-age / prefix_decay). A session's similarity is the sum of the weights of the distinct items
    shared / sqrt(distinct items of the session), times exp(-days before the newest session /
    decay_days). It adds similarity * exp(-distance / position_decay) to each of its items, where
    the distance is from the item's last place in it to the last place of any shared item.

    Attributes:
      prefix_decay: lambda 1, in events.
      decay_days: lambda 2, in days.
      position_decay: lambda 3, in events.
      current_item_factor: factor of the current item's sum; 1 leaves it unchanged, a value just
        above 0 puts it behind most other items.
    """

    neighbors: int = BaselineOptions.stan_neighbors
    recent: int = BaselineOptions.stan_recent
    prefix_decay: float = BaselineOptions.stan_prefix_decay
    decay_days: float = BaselineOptions.stan_decay_days
    position_decay: float = BaselineOptions.stan_position_decay
    current_item_factor: float = BaselineOptions.stan_current_item_factor

    def _visit_weight(self, age: IntArray, length: IntArray) -> FloatArray:
        weight: FloatArray = np.exp(-age / self.prefix_decay)
        return weight

    def _similar(self, found: Matches) -> Matches:
        index = self._index
        length = np.diff(index.positions.indptr)[found.session]
        days = (index.start_time[:1] - index.start_time[found.session]) / MS_PER_DAY
        decay = np.exp(-days / self.decay_days)
        return found._replace(similarity=found.similarity * decay / np.sqrt(length))

    def _added(
        self, nearest: Matches, pair: IntArray, item: IntArray, position: IntArray
    ) -> FloatArray:
        distance = np.abs(position - nearest.position[pair])
        added: FloatArray = nearest.similarity[pair] * np.exp(-distance / self.position_decay)
        return added

    def _adjusted(self, scores: sparse.csr_matrix, steps: Steps) -> sparse.csr_matrix:
        row = np.repeat(np.arange(len(steps)), np.diff(scores.indptr))
        is_current = scores.indices == steps.items[steps.end[row] - 1]
        scores.data[is_current] *= self.current_item_factor
        return scores


def _rounded(values: FloatArray) -> FloatArray:
    """Rounds to 40 significant bits."""
    mantissa, exponent = np.frexp(values)
    rounded: FloatArray = np.ldexp(np.round(np.ldexp(mantissa, _KEPT_BITS)), exponent - _KEPT_BITS)
    return rounded


BASELINES: Mapping[str, Callable[..., Baseline]] = {"v_sknn": VSkNN, "stan": STAN}
