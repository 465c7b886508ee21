"""Simple recommenders that a model has to beat, judged by the same protocol as the model.

A baseline sees what the model sees: the known items of a prefix, in time order. It is fitted on the
training sessions alone and ranks over all items of training. To add one, write a class that derives
from `SparseBaseline` (scores for few items) or implements `Baseline` (ranks by any other way), name
it in the `BASELINES` of its file, and declare its name and its options (`{name}_{argument of the
class}`) in `modules/config/baselines.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import chain

import numpy as np

from modules.array_types import BoolArray, IntArray
from modules.baselines import item_based, session_knn
from modules.baselines.base import Baseline
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
from modules.evaluation.ranks import UNRANKED

BASELINES: Mapping[str, Callable[..., Baseline]] = {
    **item_based.BASELINES,
    **session_knn.BASELINES,
}
"""The class of each baseline, by the name that it has everywhere."""

# What the options of a baseline begin with, where that is not its name.
_PREFIXES = {"sequential_rules": "rules"}


def make_baseline(name: str, options: BaselineOptions = BaselineOptions()) -> Baseline:  # noqa: B008
    """Makes an unfitted baseline; its options, without its name, are the class's arguments.

    Raises:
      ValueError: there is no baseline of this name.
    """
    if name not in BASELINES:
        raise ValueError(f"name must be one of {', '.join(BASELINES)}, got {name!r}")
    prefix = f"{_PREFIXES.get(name, name)}_"
    settings = {
        option.removeprefix(prefix): value
        for option, value in dataclasses.asdict(options).items()
        if option.startswith(prefix)
    }
    return BASELINES[name](**settings)


@dataclasses.dataclass(frozen=True)
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
        rank = np.full(len(self.steps), UNRANKED, dtype=np.int64)
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
