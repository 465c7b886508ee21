"""The baselines by name, evaluated by the same protocol as the model.

A baseline sees what the model sees: the known items of a prefix, in time order. It is fitted on the
training sessions alone and ranks all of their items. In the honest view it also recommends unknown
items of the prefix, as the model does, by the rule of `modules/baselines/own_items.py`. To add one,
write a class that derives from `SparseBaseline` (scores for few items) or implements `Baseline`
(ranks in any other way), list it in the `BASELINES` of its file, and declare its name and its
options (`{name}_{argument of the class}`) in `modules/config/options/baselines.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import chain

import numpy as np

from modules.array_types import BoolArray, IntArray
from modules.baselines import item_based, session_knn
from modules.baselines.base import Baseline
from modules.baselines.own_items import OwnItems
from modules.config.options.baselines import BaselineOptions
from modules.data.item_indices import NO_ITEM
from modules.evaluation.prediction_steps import (
    IndexedSessions,
    StepRanks,
    Steps,
    all_steps,
    index_sessions,
)
from modules.evaluation.rank_table import RankTable
from modules.evaluation.ranks import UNRANKED

BASELINES: Mapping[str, Callable[..., Baseline]] = {**item_based.BASELINES, **session_knn.BASELINES}
"""The class of each baseline by name."""

# Steps ranked at a time.
_STEPS_PER_PART = 1 << 20

# Prefix of a baseline's options where it is not its name.
_PREFIXES = {"sequential_rules": "rules"}


def make_baseline(name: str, options: BaselineOptions = BaselineOptions()) -> Baseline:  # noqa: B008
    """Makes an unfitted baseline; its options, without their prefix, are the class's arguments.

    Raises:
      ValueError: there is no baseline of this name.
    """
    if name not in BASELINES:
        raise ValueError(f"name must be one of {', '.join(BASELINES)}, got {name!r}")
    prefix = _prefix(name)
    settings = {
        option.removeprefix(prefix): value
        for option, value in dataclasses.asdict(options).items()
        if _longest_prefix(option) == prefix
    }
    return BASELINES[name](**settings)


def _prefix(name: str) -> str:
    return f"{_PREFIXES.get(name, name)}_"


def _longest_prefix(option: str) -> str:
    """Returns the prefix of the baseline that an option belongs to, "" for none."""
    return max(filter(option.startswith, map(_prefix, BASELINES)), key=len, default="")


@dataclasses.dataclass(frozen=True)
class IndexedSplits:
    """The training sessions and the steps to evaluate, indexed once for all baselines.

    Attributes:
      train: the training sessions.
      items: size of the catalogue, all items of the training sessions.
      steps: all steps of the test sessions.
      offsets: int64 `[sessions + 1]`: session i has the steps `offsets[i]:offsets[i + 1]`.
      target_count: int64 `[steps]`, training events of the target; 0 for an unknown one.
      own: unknown items of the prefixes; None if no baseline recommends them.
    """

    train: IndexedSessions
    items: int
    steps: Steps
    offsets: IntArray
    target_count: IntArray
    own: OwnItems | None

    @classmethod
    def of(
        cls,
        train_sessions: Sequence[Sequence[Hashable]],
        test_sessions: Sequence[Sequence[Hashable]],
        train_times: Sequence[int] | None = None,
        own_items: bool = True,
    ) -> IndexedSplits:
        """Indexes sessions.

        Args:
          train_sessions: raw item ids of each session, in time order; all of them are known.
          test_sessions: likewise; a session of n items has n - 1 steps.
          train_times: start of each training session, ms, for baselines that need it.
          own_items: whether unknown items of a prefix may be recommended after it.

        Raises:
          ValueError: there is no training event.
        """
        known_items = dict.fromkeys(chain.from_iterable(train_sessions))
        numbered = dict.fromkeys(chain(known_items, chain.from_iterable(test_sessions)))
        positions = {item_id: position for position, item_id in enumerate(numbered)}
        train = index_sessions(train_sessions, positions, train_times)
        test = index_sessions(test_sessions, positions)
        return cls.of_indexed(train, test, len(known_items), own_items)

    @classmethod
    def of_indexed(
        cls, train: IndexedSessions, test: IndexedSessions, items: int, own_items: bool = True
    ) -> IndexedSplits:
        """Takes sessions of numbered items.

        Args:
          train: training sessions, whose items have the numbers below `items`.
          test: sessions to evaluate; items that are unknown have numbers from `items` on.
          items: number of known items.
          own_items: whether unknown items of a prefix may be recommended after it.

        Raises:
          ValueError: there is no training event.
        """
        if not items:
            raise ValueError(
                "train_sessions hold no event: a baseline needs sessions to learn from"
            )
        own = OwnItems.of(test, items) if own_items else None
        is_known = test.items < items
        test = dataclasses.replace(test, items=np.where(is_known, test.items, NO_ITEM))
        steps, offsets = all_steps(test)
        # The last entry is that of NO_ITEM.
        counts = np.append(train.event_counts(items), 0)
        return cls(train, items, steps, offsets, counts[steps.target], own)

    @property
    def known(self) -> BoolArray:
        """Whether each step counts in the known view: a known target and a known item before it."""
        known: BoolArray = (self.steps.target != NO_ITEM) & (self.context_length > 0)
        return known

    @property
    def context_length(self) -> IntArray:
        """Number of known items in each prefix, int64 `[steps]`."""
        return self.steps.end - self.steps.first

    def rank_table(self, session_ids: Sequence[bytes], ranks: Mapping[str, StepRanks]) -> RankTable:
        """Returns a table of the ranks of baselines by name; test sessions must be sorted."""
        known_ranks = {name: found.known_rank for name, found in ranks.items()}
        return RankTable(
            session_ids=np.array(session_ids, object),
            offsets=self.offsets,
            known=self.known,
            context_length=self.context_length,
            target_count=self.target_count,
            ranks={name: found.rank for name, found in ranks.items()},
            known_ranks={name: rank for name, rank in known_ranks.items() if rank is not None},
        )

    def ranks(self, fitted: Baseline) -> StepRanks:
        """Ranks the targets of all steps by a fitted baseline; `UNRANKED` if not recommended."""
        rank = np.full(len(self.steps), UNRANKED, dtype=np.int64)
        can_be_scored = np.flatnonzero(self.steps.target != NO_ITEM)
        for begin in range(0, len(can_be_scored), _STEPS_PER_PART):
            part = can_be_scored[begin : begin + _STEPS_PER_PART]
            rank[part] = fitted.ranks(self.steps.take(part))
        if self.own is None:
            return StepRanks(rank, self.known, self.offsets)
        among_own = self.own.ranks(fitted, self.steps, self.items, rank)
        return StepRanks(among_own, self.known, self.offsets, rank)
