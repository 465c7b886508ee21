"""Selects the score adjustments on split eval, by ranking under a grid of them.

Two are for items of the session (`modules.serving.score_adjustments`), one is for all items: what
popularity adds to a score. Scores are not adjusted and ranked again for every choice: only the
ranks of session items change. A test holds the ranks equal to `modules.evaluation.ranks` of
adjusted scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from modules.array_types import BoolArray, Float32Array, FloatArray, IntArray
from modules.config.options.trainer import TrainerOptions
from modules.data.item_indices import NO_ITEM
from modules.evaluation.prediction_steps import ScoredSteps
from modules.evaluation.ranks import UNRANKED
from modules.evaluation.selection_metric import selection_score
from modules.serving.score_adjustments import SessionAdjustments

_CUTOFF = 20
_ENOUGH_STEPS = 20_000  # a standard error of .003
_ENOUGH_SCORES = 2_000_000_000  # a minute or so


class ScoreAdjustments(NamedTuple):
    """What is added to scores.

    Attributes:
      seen: adjustments of the session's items.
      popularity_weight: factor of the logarithm of each item's training events.
    """

    seen: SessionAdjustments
    popularity_weight: float

    def by_option(self) -> dict[str, float]:
        """Returns the adjustments by their names in TrainerOptions."""
        return {**self.seen._asdict(), "popularity_weight": self.popularity_weight}


class AdjustmentGrid(NamedTuple):
    """Values to try for each score adjustment; of equally good ones the first is selected."""

    current_item_penalty: Sequence[float] = (
        *(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0),
        *(-0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0, -8.0),
    )
    earlier_item_boost: Sequence[float] = (
        0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0
    )  # fmt: skip
    popularity_weight: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)

    def with_fixed(self, options: TrainerOptions) -> AdjustmentGrid:
        """Returns the grid with only the fixed value of each adjustment that the options fix."""
        fixed = {name: getattr(options, name) for name in self._fields}
        return self._replace(
            **{name: (value,) for name, value in fixed.items() if value is not None}
        )

    def at(self, weight: int, penalty: int, boost: int) -> ScoreAdjustments:
        """Returns the adjustments at a point of the grid."""
        seen = SessionAdjustments(
            self.current_item_penalty[penalty], self.earlier_item_boost[boost]
        )
        return ScoreAdjustments(seen, self.popularity_weight[weight])


# For evaluating epochs: its ranks take as long as the scores themselves, a fifth of the time of the
# whole grid. Popularity would double that, and adds about the same in every epoch.
ROUGH_GRID = AdjustmentGrid(
    current_item_penalty=(-2.0, 0.0, 2.0),
    earlier_item_boost=(0.0, 2.0, 8.0),
    popularity_weight=(0.0,),
)


def search(
    blocks: Iterable[ScoredSteps], grid: AdjustmentGrid
) -> tuple[ScoreAdjustments, float, float]:
    """Selects the adjustments by `selection_score`; of equal ones, the first.

    Args:
      blocks: steps to evaluate on; `enough_steps` of them suffice.
      grid: values to try.

    Returns:
      The adjustments with their Recall@20 and MRR@20: the first values and NaN without any step.
    """
    gains: list[FloatArray] = []
    steps = 0
    for block in blocks:
        rank = grid_ranks(block, grid)
        hit = rank <= _CUTOFF
        gains.append(np.stack([hit.sum(-1), np.where(hit, 1 / rank, 0).sum(-1)]))
        steps += rank.shape[-1]
    if not steps:
        return grid.at(0, 0, 0), np.nan, np.nan
    recall, mrr = np.sum(gains, axis=0) / steps
    best = np.unravel_index(np.argmax(selection_score(recall, mrr)), recall.shape)
    return grid.at(*map(int, best)), float(recall[best]), float(mrr[best])


def enough_steps(catalogue: int) -> int:
    """Returns how many steps to evaluate on: 20,000, fewer for more than 100,000 items."""
    return min(_ENOUGH_STEPS, _ENOUGH_SCORES // catalogue)


def grid_ranks(steps: ScoredSteps, grid: AdjustmentGrid) -> IntArray:
    """Ranks each target under every choice of adjustments, without scoring the catalogue again.

    Returns:
      int64 `[popularity weights, penalties, boosts, steps]`, conservative ranks: exact up to 20;
      others are above 20, but may be too small.
    """
    ranks = []
    near = _near(steps, grid) if len(grid.popularity_weight) > 1 else steps
    for weight in grid.popularity_weight:
        scores = near.scores
        if weight:  # a pass over the scores of a large catalogue less
            scores = scores + np.float32(weight) * near.popularity
        seen = (grid.current_item_penalty, grid.earlier_item_boost)
        ranks.append(_ranks(scores, near.context, near.target, *seen))
    return np.stack(ranks)


def _near(steps: ScoredSteps, grid: AdjustmentGrid) -> ScoredSteps:
    """Returns the steps with those items alone that can be among the first under some weight.

    They are mostly a small part of the catalogue, and other items change no rank up to 20: with
    any weight, enough items outside the session have at least the score that they do not reach.

    Returns:
      Scores and popularity `[steps, near]`, padded with -inf and 0, context and target as columns.
    """
    row, catalogue = np.arange(len(steps.target)), steps.scores.shape[1]
    enough = _CUTOFF + 1 + steps.context.shape[1]
    if enough >= catalogue:
        return steps
    added = np.stack([np.float32(w) * steps.popularity for w in grid.popularity_weight])
    place = catalogue - enough
    bound = np.partition(steps.scores + added.min(axis=0), place, axis=1)[:, place, None]
    is_near = ~(steps.scores + added.max(axis=0) < bound)
    in_session = np.where(steps.context == NO_ITEM, steps.target[:, None], steps.context)
    is_near[row[:, None], in_session] = True
    is_near[row, steps.target] = True
    of_row, item = np.nonzero(is_near)
    number = np.count_nonzero(is_near, axis=1)
    first = np.cumsum(number) - number
    cells = of_row, np.arange(len(of_row)) - first[of_row]
    scores = np.full((len(row), number.max(initial=0)), -np.inf, np.float32)
    popularity = np.zeros_like(scores)
    scores[cells], popularity[cells] = steps.scores[of_row, item], steps.popularity[item]

    def columns(items: npt.NDArray[np.integer[Any]]) -> IntArray:
        """Returns the columns of items `[steps, k]`."""
        start = row[:, None] * catalogue
        return np.searchsorted(of_row * catalogue + item, start + items) - first[:, None]

    context = np.where(steps.context == NO_ITEM, NO_ITEM, columns(in_session))
    return ScoredSteps(scores, context, columns(steps.target[:, None])[:, 0], popularity)


def _ranks(
    scores: Float32Array,
    context: npt.NDArray[np.integer[Any]],
    target: npt.NDArray[np.integer[Any]],
    penalties: Sequence[float],
    boosts: Sequence[float],
) -> IntArray:
    """Ranks each target under every pair of a penalty and a boost, `[penalties, boosts, steps]`."""
    rows = np.arange(len(target))
    length = np.count_nonzero(context != NO_ITEM, axis=1)
    current = context[rows, length - 1]
    items = np.sort(np.where(context == NO_ITEM, current[:, None], context), axis=1)
    is_first = np.diff(items, axis=1, prepend=NO_ITEM) != 0
    base = np.where(is_first, np.take_along_axis(scores, items, axis=1), -np.inf)
    is_current = items == current[:, None]
    target_score = scores[rows, target]
    target_is_current = target == current
    target_is_earlier = (items == target[:, None]).any(axis=1) & ~target_is_current

    def not_below(shift: float, chosen: BoolArray) -> IntArray:
        """Counts candidates outside the session whose score is not below target + shift."""
        limit = (target_score[chosen] + np.float32(shift))[:, None]
        everyone = scores.shape[1] - np.count_nonzero(scores[chosen] < limit, axis=1)
        seen = np.count_nonzero(~(base[chosen] < limit) & is_first[chosen], axis=1)
        return everyone - seen

    is_new = ~(target_is_current | target_is_earlier)
    ranks = np.empty((len(penalties), len(boosts), len(target)), np.int64)
    ranks[:, :, is_new] = not_below(0.0, is_new)
    for p, penalty in enumerate(penalties):
        ranks[p, :, target_is_current] = not_below(-penalty, target_is_current)[:, None]
    for b, boost in enumerate(boosts):
        ranks[:, b, target_is_earlier] = not_below(boost, target_is_earlier)
    for p, penalty in enumerate(penalties):
        for b, boost in enumerate(boosts):
            bonus = np.where(is_current, np.float32(-penalty), np.float32(boost))
            shift = np.where(target_is_current, -penalty, np.where(target_is_earlier, boost, 0.0))
            limit = (target_score + shift.astype(np.float32))[:, None]
            ranks[p, b] += np.count_nonzero(~(base + bonus < limit) & is_first, axis=1)
    ranks[:, :, ~(target_score > -np.inf)] = UNRANKED  # NaN too, which is above nothing
    return ranks
