"""Simple recommenders that a model has to beat, judged by the same protocol as the model.

A baseline sees what the model sees: the known items of a prefix, in time order. It is fitted on the
training sessions alone and ranks over all items of training. To add one: derive from
`SparseBaseline` (scores for few items) or implement `Baseline` (ranks by any other way), name it in
`BASELINE_NAMES` and in `BASELINES`, and give its settings a place in `BaselineOptions`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from modules.array_types import BoolArray, IntArray
from modules.baselines.base import Baseline, SparseBaseline, rank_among_scored
from modules.baselines.item_based import (
    ItemCooccurrence,
    Popularity,
    SequentialRules,
    SessionPopularity,
)
from modules.baselines.session_knn import STAN, VSkNN
from modules.config.baselines import BaselineOptions
from modules.evaluation import metrics
from modules.evaluation.prediction_steps import (
    UNKNOWN,
    IndexedSessions,
    StepRanks,
    Steps,
    all_steps,
    index_sessions,
)
from modules.evaluation.rank_table import RankTable

__all__ = [
    "BASELINES",
    "STAN",
    "Baseline",
    "IndexedSplits",
    "ItemCooccurrence",
    "Popularity",
    "SequentialRules",
    "SessionPopularity",
    "SparseBaseline",
    "VSkNN",
    "evaluate_baseline",
    "make_baseline",
    "rank_among_scored",
    "step_ranks",
]


def _v_sknn(options: BaselineOptions) -> VSkNN:
    return VSkNN(
        neighbors=options.v_sknn_neighbors,
        recent=options.v_sknn_recent,
        idf_weight=options.v_sknn_idf_weight,
    )


def _stan(options: BaselineOptions) -> STAN:
    return STAN(
        neighbors=options.stan_neighbors,
        recent=options.stan_recent,
        prefix_decay=options.stan_prefix_decay,
        decay_days=options.stan_decay_days,
        position_decay=options.stan_position_decay,
        current_item_factor=options.stan_current_item_factor,
    )


BASELINES: dict[str, Callable[[BaselineOptions], Baseline]] = {
    "popularity": lambda options: Popularity(),
    "session_popularity": lambda options: SessionPopularity(),
    "sequential_rules": lambda options: SequentialRules(
        window=options.rules_window, repeats=options.rules_repeats
    ),
    "item_cooccurrence": lambda options: ItemCooccurrence(),
    "v_sknn": _v_sknn,
    "stan": _stan,
}
"""How each baseline is made of the options, by its name everywhere."""


def make_baseline(name: str, options: BaselineOptions = BaselineOptions()) -> Baseline:  # noqa: B008
    """Makes an unfitted baseline.

    Raises:
      ValueError: there is no baseline of this name.
    """
    if name not in BASELINES:
        raise ValueError(f"name must be one of {', '.join(BASELINES)}, got {name!r}")
    return BASELINES[name](options)


@dataclass(frozen=True)
class IndexedSplits:
    """The training sessions and the steps of the judged ones, indexed once for all baselines.

    Attributes:
      train: the training sessions.
      items: size of the catalogue: every item of the training sessions.
      steps: every step of the test sessions.
      offsets: int64 `[sessions + 1]`: session i has the steps `offsets[i]:offsets[i + 1]`.
      target_count: int64 `[steps]`, training events of the target; 0 for an unknown one.
    """

    train: IndexedSessions
    items: int
    steps: Steps
    offsets: IntArray
    target_count: IntArray

    @classmethod
    def of(
        cls,
        train_sessions: Sequence[Sequence[Hashable]],
        test_sessions: Sequence[Sequence[Hashable]],
        train_times: Sequence[int] | None = None,
    ) -> IndexedSplits:
        """Indexes sessions.

        Args:
          train_sessions: raw item ids of each session, in time order. Every item in them is known.
          test_sessions: likewise; a session of n items has n - 1 steps.
          train_times: when each training session began, in ms, for baselines that need it.

        Raises:
          ValueError: there is no training event.
        """
        known_items = dict.fromkeys(chain.from_iterable(train_sessions))
        positions = {item_id: position for position, item_id in enumerate(known_items)}
        if not positions:
            raise ValueError(
                "train_sessions hold no event: a baseline needs sessions to learn from"
            )
        train = index_sessions(train_sessions, positions, train_times)
        steps, offsets = all_steps(index_sessions(test_sessions, positions))
        # The last entry is that of UNKNOWN.
        counts = np.append(np.bincount(train.items, minlength=len(positions)), 0)
        return cls(train, len(positions), steps, offsets, counts[steps.target])

    @property
    def known(self) -> BoolArray:
        """Which steps count in the known view: known target and a known item before it."""
        known: BoolArray = (self.steps.target != UNKNOWN) & (self.context_length > 0)
        return known

    @property
    def context_length(self) -> IntArray:
        """How many known items each prefix holds, int64 `[steps]`."""
        return self.steps.end - self.steps.first

    def rank_table(self, session_ids: Sequence[bytes], ranks: Mapping[str, IntArray]) -> RankTable:
        """Puts the ranks of all steps together.

        Args:
          session_ids: ids of the test sessions, sorted.
          ranks: int64 `[steps]` by the baseline's name.
        """
        return RankTable(
            session_ids=np.array(session_ids, object),
            offsets=self.offsets,
            known=self.known,
            context_length=self.context_length,
            target_count=self.target_count,
            ranks=ranks,
        )

    def ranks(self, fitted: Baseline) -> StepRanks:
        """Ranks the targets of all steps by a baseline that was fitted on `train`.

        A target outside the catalogue gets rank `UNRANKED`.
        """
        rank = np.full(len(self.steps), metrics.UNRANKED, dtype=np.int64)
        can_be_scored = self.steps.target != UNKNOWN
        rank[can_be_scored] = fitted.ranks(self.steps.take(can_be_scored))
        return StepRanks(rank, self.known, self.offsets)


def step_ranks(
    baseline: Baseline,
    train_sessions: Sequence[Sequence[Hashable]],
    test_sessions: Sequence[Sequence[Hashable]],
    train_times: Sequence[int] | None = None,
) -> StepRanks:
    """Fits a baseline and ranks every step of the test sessions.

    Arguments and errors are those of `IndexedSplits.of`; the baseline is fitted here.
    """
    judged = IndexedSplits.of(train_sessions, test_sessions, train_times)
    baseline.fit(judged.train, judged.items)
    return judged.ranks(baseline)


def evaluate_baseline(
    baseline: Baseline,
    train_sessions: Sequence[Sequence[Hashable]],
    test_sessions: Sequence[Sequence[Hashable]],
    train_times: Sequence[int] | None = None,
) -> dict[str, float]:
    """Fits a baseline on the training sessions and judges it on the test sessions.

    Arguments and errors are those of `step_ranks`.

    Returns:
      every metric of `modules.evaluation.metrics` and every count of steps, by full name.
    """
    ranks = step_ranks(baseline, train_sessions, test_sessions, train_times)
    return metrics.metrics_from_rank_histograms(ranks.histograms())
