"""Scores after sessions and ranks of all their steps, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.data.item_indices import FIRST_ITEM
from modules.evaluation.ranks import UNRANKED, conservative_rank
from modules.model.two_tower import TwoTower
from modules.serving.exact_index import ExactIndex, with_recommendable
from modules.serving.score_adjustments import NO_CHANGE, SessionAdjustments
from modules.serving.session.clicks import Clicks
from modules.serving.session_scorer import SessionScorer
from tests.small_model import ITEMS, make_model

WINDOW = 3
SEEN = SessionAdjustments(current_item_penalty=1.5, earlier_item_boost=0.75)
# Positions; -1 is unknown, and one of `ITEMS` or more is outside the catalogue.
SESSIONS = [[0, 1, 2, 3, 4, 0, 5], [7, -1, 8], [-1, 12, 3, 3], [6], [2, 2, 2, 12, 8, -1], [-1, 4]]


@pytest.fixture(scope="module")
def model() -> TwoTower:
    return make_model()


@pytest.fixture(scope="module", params=[NO_CHANGE, SEEN], ids=["plain", "adjusted"])
def seen(request: pytest.FixtureRequest) -> SessionAdjustments:
    found: SessionAdjustments = request.param
    return found


@pytest.fixture(scope="module")
def scorer(model: TwoTower, seen: SessionAdjustments) -> SessionScorer:
    index = ExactIndex(model.candidate_tower.catalogue())
    return SessionScorer(model.query_tower, index, WINDOW, seen)


def _expected(model: TwoTower, prefix: list[int], seen: SessionAdjustments) -> np.ndarray:
    """Scores the catalogue after the latest items of a prefix."""
    context = [place for place in prefix if 0 <= place < ITEMS][-WINDOW:]
    query = model.query_tower(tf.constant([context]) + FIRST_ITEM).numpy()[0, -1]
    scores = model.candidate_tower.catalogue().numpy() @ query
    bonus = dict.fromkeys(context, seen.earlier_item_boost)
    bonus[context[-1]] = -seen.current_item_penalty
    scores[list(bonus)] += np.array(list(bonus.values()), np.float32)
    return scores


def _contexts(scorer: SessionScorer, sessions: list[list[int]]) -> tf.Tensor:
    batch = tf.ragged.constant(sessions, tf.int64, ragged_rank=1).to_tensor(-1)
    return scorer.contexts(batch)


def test_the_context_is_the_latest_items_of_the_catalogue(scorer: SessionScorer) -> None:
    assert _contexts(scorer, SESSIONS).numpy().tolist() == [
        [4, 0, 5],
        [7, 8, -1],
        [3, 3, -1],
        [6, -1, -1],
        [2, 2, 8],
        [4, -1, -1],
    ]
    assert _contexts(scorer, [[-1], [12]]).numpy().tolist() == [[-1], [-1]]


def test_scores_and_best_items(
    scorer: SessionScorer, model: TwoTower, seen: SessionAdjustments
) -> None:
    contexts = _contexts(scorer, SESSIONS)
    expected = np.array([_expected(model, prefix, seen) for prefix in SESSIONS])
    plain = scorer.plain_scores(contexts)
    np.testing.assert_allclose(scorer.scores(plain, contexts)[:, :ITEMS], expected, atol=1e-5)
    scores, positions = scorer.top(plain, contexts, 4)
    best = np.argsort(-expected, axis=1)[:, :4]
    np.testing.assert_array_equal(positions, best)
    np.testing.assert_allclose(scores, np.take_along_axis(expected, best, axis=1), atol=1e-5)


def test_the_state_is_all_that_another_index_needs(scorer: SessionScorer, model: TwoTower) -> None:
    contexts = _contexts(scorer, SESSIONS)
    state = {name: values.numpy() for name, values in scorer.state(contexts).items()}
    scores = state["query"] @ model.candidate_tower.catalogue().numpy().T
    for row, positions, bonus in zip(scores, state["positions"], state["bonus"], strict=True):
        for place, number in dict(zip(positions, bonus, strict=True)).items():
            row[place] += number
    expected = scorer.scores(scorer.plain_scores(contexts), contexts)
    np.testing.assert_allclose(scores, expected[:, :ITEMS], atol=1e-5)


def test_after_another_click_all_items_of_the_context_are_earlier_ones(
    scorer: SessionScorer, seen: SessionAdjustments
) -> None:
    contexts = _contexts(scorer, SESSIONS)
    is_over = tf.constant([True] * len(SESSIONS))
    plain = scorer.plain_scores(contexts)
    moved = (scorer.scores(plain, contexts, is_over) - plain).numpy()[:, :ITEMS]
    expected = np.zeros(moved.shape)
    for row, context in enumerate(contexts.numpy()):
        expected[row, context[context >= 0]] = seen.earlier_item_boost
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    best, _ = scorer.top(plain, contexts, 1, is_over)
    np.testing.assert_allclose(best[:, 0], (plain[:, :ITEMS] + expected).numpy().max(axis=1))
    state = scorer.state(contexts, is_over)
    assert set(state["bonus"].numpy().ravel()) == {np.float32(seen.earlier_item_boost)}


def _ranks(scorer: SessionScorer) -> list[list[int]]:
    positions = tf.ragged.constant(SESSIONS, tf.int64)
    ranks = scorer.ranks(scorer.steps(positions))
    found: list[list[int]] = positions[:, 1:].with_flat_values(ranks).to_list()
    return found


def test_every_step_is_ranked_by_the_scores_of_its_prefix(
    scorer: SessionScorer, model: TwoTower, seen: SessionAdjustments
) -> None:
    for session, ranks in zip(SESSIONS, _ranks(scorer), strict=True):
        for end, (target, rank) in enumerate(zip(session[1:], ranks, strict=True), start=1):
            if not 0 <= target < ITEMS:
                assert rank == UNRANKED
            elif any(0 <= place < ITEMS for place in session[:end]):
                scores = _expected(model, session[:end], seen)
                assert rank == conservative_rank(scores[None], np.array([target]))[0]
            else:
                assert rank == target + 1  # by popularity


def test_a_withdrawn_item_is_no_target_and_gives_way_in_the_order_of_popularity(
    model: TwoTower,
) -> None:
    index = ExactIndex(model.candidate_tower.catalogue())
    columns = index._columns
    columns.assign(with_recommendable(columns.numpy(), np.arange(ITEMS) != 3))
    scorer = SessionScorer(model.query_tower, index, WINDOW, NO_CHANGE)
    ranks = _ranks(scorer)
    assert ranks[2][2] == ranks[0][2] == UNRANKED  # 3 after 3, and 3 after 0, 1, 2
    assert ranks[5] == [4]  # the fifth of all items, but 3 is gone


def test_own_items_of_a_prefix_have_ranks_and_push_others_down() -> None:
    """After item 0, then an unknown one, which has its score and stays behind it."""
    model = make_model()
    index = ExactIndex(model.candidate_tower.catalogue())
    scorer = SessionScorer(model.query_tower, index, WINDOW, SessionAdjustments(0.0, 9.0))
    steps = scorer.steps(tf.ragged.constant([[0, -1, 0], [0, -1, -1], [-1, 4]], tf.int64))
    clicks = Clicks(
        tf.constant([[0, -1], [0, -1], [0, -1], [0, -1], [-1, -1]], tf.int64),
        tf.constant([[7, -1], [7, 8], [7, -1], [7, 8], [8, -1]], tf.int64),
    )
    codes = tf.constant([8, 7, 8, 8, 9], tf.int64)

    ranks = scorer.ranks_among_own(steps, clicks, codes).numpy()

    above = int((np.delete(_plain(model, [0]), 0) > _plain(model, [0])[0]).sum())
    assert ranks.tolist() == [UNRANKED, 1, UNRANKED, above + 2, 6]
    assert scorer.ranks(steps).numpy().tolist() == [UNRANKED, above + 1, UNRANKED, UNRANKED, 5]


def _plain(model: TwoTower, prefix: list[int]) -> np.ndarray:
    return _expected(model, prefix, NO_CHANGE)
