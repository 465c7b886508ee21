"""Choosing the score adjustments: the grid ranks as the exported graph, and the best is taken."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.config.options.trainer import TrainerOptions
from modules.data.item_indices import NO_ITEM
from modules.evaluation.ranks import UNRANKED, conservative_rank
from modules.serving import score_adjustments
from modules.serving.score_adjustments import SessionAdjustments
from modules.training import score_adjustment_search
from modules.training.score_adjustment_search import (
    ROUGH_GRID,
    AdjustmentGrid,
    ScoreAdjustments,
    ScoredSteps,
)


def _random_steps(ties: bool, catalogue: int = 12) -> ScoredSteps:
    random = np.random.default_rng(5)
    rows, length = 300, 6
    scores = random.normal(size=(rows, catalogue)).astype(np.float32) * 3
    popularity = random.normal(size=catalogue).astype(np.float32)
    if ties:  # multiples of .5, as the adjustments are
        scores, popularity = np.round(scores * 2) / 2, np.round(popularity)
    scores[:, 7] = -np.inf  # takes no part
    scores[::7, 3] = np.nan
    context = random.integers(0, catalogue, (rows, length))
    context[np.arange(length) >= random.integers(1, length + 1, rows)[:, None]] = NO_ITEM
    target = random.integers(0, catalogue, rows)
    return ScoredSteps(scores, context, target, popularity)


@pytest.mark.parametrize("weights", [[0.3], [0.0, 0.5], [-1.0, 0.0, 2.0]])
@pytest.mark.parametrize("catalogue", [12, 400])
@pytest.mark.parametrize("ties", [False, True])
def test_the_grid_ranks_as_the_graph_does(ties: bool, catalogue: int, weights: list[float]) -> None:
    """Exactly, up to rank 20."""
    steps = _random_steps(ties, catalogue)
    grid = AdjustmentGrid([0.0, 1.0, 2.5, -1.5], [0.0, 0.5, 3.0], weights)
    ranks = score_adjustment_search.grid_ranks(steps, grid)
    for (w, p, b), _ in np.ndenumerate(ranks[..., 0]):
        scores = steps.scores + np.float32(grid.popularity_weight[w]) * steps.popularity
        seen = SessionAdjustments(grid.current_item_penalty[p], grid.earlier_item_boost[b])
        adjusted = score_adjustments.adjust_scores(
            tf.constant(scores), tf.constant(steps.context), seen
        )
        expected = conservative_rank(adjusted.numpy(), steps.target)
        found = ranks[w, p, b]
        np.testing.assert_array_equal(np.minimum(found, 21), np.minimum(expected, 21))
        np.testing.assert_array_equal(found == UNRANKED, expected == UNRANKED)


def test_few_items_of_a_large_catalogue_are_looked_at() -> None:
    """Else the search takes as long as the rest of a training."""
    random = np.random.default_rng(1)
    scores = random.normal(size=(20, 20_000)).astype(np.float32) * 4
    popularity = random.exponential(size=20_000).astype(np.float32)
    steps = ScoredSteps(scores, random.integers(0, 20_000, (20, 5)), np.arange(20), popularity)
    near = score_adjustment_search._near(steps, AdjustmentGrid())
    assert near.scores.shape[1] < 2_000


def _chosen(scores: np.ndarray, context: list[list[int]], target: list[int]) -> tuple:
    """Chooses by steps of a catalogue in which only the last item is popular."""
    popularity = np.zeros(scores.shape[1], np.float32)
    popularity[-1] = 3.0
    steps = ScoredSteps(scores, np.array(context), np.array(target), popularity)
    return score_adjustment_search.search([steps], AdjustmentGrid())


def test_chooses_what_ranks_best() -> None:
    """Item 1, seen before, must pass those at 1; item 23 must pass the current item at 9.5."""
    scores = np.zeros([2, 40], np.float32)
    scores[0, 5:35] = 1.0
    scores[0, 0] = 2.0
    scores[1, [0, 23]] = 9.5, 9.0
    found = _chosen(scores, [[1, 0], [1, 0]], [1, 23])
    assert found == (ScoreAdjustments(SessionAdjustments(1.0, 1.5), 0.0), 1.0, 1.0)


def test_boosts_the_current_item_where_it_is_the_answer() -> None:
    """Item 1 is clicked again, and thirty others at 1 must not be before it."""
    scores = np.zeros([1, 40], np.float32)
    scores[0, 5:35] = 1.0
    found = _chosen(scores, [[0, 1]], [1])
    assert found == (ScoreAdjustments(SessionAdjustments(-1.5, 0.0), 0.0), 1.0, 1.0)


def test_popularity_counts_where_the_popular_item_is_the_answer() -> None:
    """The popular item, at 0, must pass those at 1: by more than a third of 1."""
    scores = np.zeros([1, 40], np.float32)
    scores[0, 5:35] = 1.0
    found = _chosen(scores, [[0, 1]], [39])
    assert found == (ScoreAdjustments(SessionAdjustments(0.0, 0.0), 0.4), 1.0, 1.0)


def test_a_fixed_adjustment_is_kept_and_without_steps_the_first_is_selected() -> None:
    steps = _random_steps(ties=False)
    options = TrainerOptions(current_item_penalty=0.7, popularity_weight=0.25)
    adjustments, *_ = score_adjustment_search.search([steps], AdjustmentGrid().with_fixed(options))
    assert (adjustments.seen.current_item_penalty, adjustments.popularity_weight) == (0.7, 0.25)
    rough = ROUGH_GRID.with_fixed(options)
    assert rough == AdjustmentGrid((0.7,), ROUGH_GRID.earlier_item_boost, (0.25,))
    options = TrainerOptions(earlier_item_boost=0.3)
    adjustments, recall, _ = score_adjustment_search.search(
        [], AdjustmentGrid().with_fixed(options)
    )
    assert adjustments == ScoreAdjustments(SessionAdjustments(0.0, 0.3), 0.0)
    assert np.isnan(recall)
