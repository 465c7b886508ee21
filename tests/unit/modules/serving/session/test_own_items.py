"""Scores of own items, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.serving.score_adjustments import SessionAdjustments
from modules.serving.session.clicks import Clicks
from modules.serving.session.own_items import (
    REACH,
    OwnItems,
    ends_with_own_item,
    own_columns,
    own_items,
    with_own_items,
)

SEEN = SessionAdjustments(current_item_penalty=3.0, earlier_item_boost=2.0)
CATALOGUE = 4
SCORES = tf.constant([[10.0, 20.0, 40.0, 80.0]])


def _own(*positions: int, seen: SessionAdjustments = SEEN) -> OwnItems:
    """Own items of one session; each -1 is another unknown item."""
    codes = range(len(positions))
    clicks = Clicks(tf.constant([positions], tf.int64), tf.constant([[*codes]], tf.int64))
    return own_items(clicks, CATALOGUE, seen)


def _scores(own: OwnItems, has_items: bool = True, of_items: tf.Tensor = SCORES) -> list[float]:
    beside = tf.gather(of_items, own.neighbors, batch_dims=1)
    found: list[float] = own.scores(beside, tf.constant([[has_items]])).numpy()[0].tolist()
    return found


def test_the_score_is_the_mean_of_the_neighbors_weighted_by_distance() -> None:
    """Item 1 is beside it and items 0 and 3 two clicks away; 4 is too rare for the catalogue."""
    found = _scores(_own(0, 4, -1, 1, 3))
    assert found[2] == pytest.approx((10 / 2 + 20 + 80 / 2) / 2 + 2.0 - 0.003, rel=1e-6)
    assert found[:2] == found[3:] == [-np.inf] * 2


def test_the_latest_click_is_adjusted_as_a_current_item() -> None:
    assert _scores(_own(1, -1))[1] == pytest.approx(20 - 3.0 - 0.001, rel=1e-6)


def test_items_too_many_clicks_away_do_not_count() -> None:
    near = _scores(_own(3, *[4] * (REACH - 1), -1, 4))
    far = _scores(_own(3, *[4] * REACH, -1, 4))
    assert near[REACH] == pytest.approx(80 + 2.0 - 0.002, rel=1e-6)
    assert far[REACH + 1] == pytest.approx(2.0 - 0.002, rel=1e-6)  # as of a vector of zeros


def test_of_equal_means_a_known_item_comes_first_and_then_the_later_click() -> None:
    without = SessionAdjustments()
    first, second = _scores(_own(1, -1, -1, seen=without))[1:]
    assert 20 > second > first


def test_a_score_of_minus_infinity_elsewhere_does_no_harm() -> None:
    scores = tf.constant([[-np.inf, 20.0, 40.0, 80.0]])
    found = _scores(_own(1, -1), of_items=scores)
    assert found[1] == pytest.approx(20 - 3.0 - 0.001, rel=1e-6)


@pytest.mark.parametrize(("penalty", "expected"), [(3.0, [2.0, 3.0, 1.0]), (-9.0, [1.0, 2.0, 3.0])])
def test_without_a_known_item_the_adjustments_alone_order_them(
    penalty: float, expected: list[float]
) -> None:
    own = _own(-1, 4, -1, -1, seen=SessionAdjustments(penalty, 2.0))
    alone = own.scores_alone().numpy()[0].tolist()
    assert alone == _scores(own, has_items=False)
    assert [score for score in alone if score > -np.inf] == expected
    assert alone[1] == -np.inf


def test_rows_are_taken_and_sessions_may_have_no_clicks() -> None:
    own = _own(0, -1, 1)
    taken = own.take(tf.constant([0, 0]))
    for values, found in zip(own, taken, strict=True):
        np.testing.assert_array_equal(found, np.repeat(values, 2, axis=0))
    nothing = Clicks(tf.zeros([2, 0], tf.int64), tf.zeros([2, 0], tf.int64))
    assert own_items(nothing, CATALOGUE, SEEN).bonus.shape == [2, 0]


def test_which_sessions_end_with_an_own_item() -> None:
    clicks = Clicks(
        tf.constant([[0, -1, -1], [-1, 0, -1], [-1, -1, -1], [4, -1, -1]], tf.int64),
        tf.constant([[1, 2, -1], [1, 2, -1], [-1, -1, -1], [3, -1, -1]], tf.int64),
    )
    assert ends_with_own_item(clicks).numpy().tolist() == [True, False, False, False]


def test_they_are_merged_into_the_answer_which_stays_as_long() -> None:
    answer = {
        "item_ids": tf.constant([["a", "b", ""]]),
        "scores": tf.constant([[3.0, 2.0, -np.inf]]),
    }
    scores, ids = tf.constant([[2.0, -np.inf, 2.5, 0.0]]), tf.constant([["x", "", "y", "z"]])
    found = with_own_items(answer, scores, ids)
    assert found["item_ids"].numpy().tolist() == [[b"a", b"y", b"b"]]
    assert found["scores"].numpy().tolist() == [[3.0, 2.5, 2.0]]


def test_columns_of_ids() -> None:
    own = tf.constant([["x", "", "y"], ["", "z", ""]])
    ids = tf.constant([["y", "", "z", "x"], ["z", "z", "x", ""]])
    assert own_columns(ids, own).numpy().tolist() == [[2, -1, -1, 0], [1, 1, -1, -1]]
    assert own_columns(ids, own[:, :0]).numpy().tolist() == [[-1] * 4] * 2
    assert own_columns(ids[:, :0], own).shape == [2, 0]
