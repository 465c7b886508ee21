"""States of models of few items: what is carried over, and what begins again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from modules.config.options.model import ModelOptions
from modules.data.item_indices import FIRST_ITEM
from modules.model.cooccurrence_neighbors import ItemNeighbors
from modules.model.lazy_adam import LazyAdam
from modules.model.two_tower import TwoTower
from modules.training.training_state import (
    CarriedItems,
    TrainingState,
    capture,
    carry_slots,
    carry_weights,
    shape_of,
)
from tests.small_model import CONTEXT, OPTIONS, TARGET, TWO, make_model

MONDAY = np.array([b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h", b"i"], object)
# Grown by x and y, without h and i, in another order.
TUESDAY = np.array([b"x", b"c", b"a", b"y", b"b", b"g", b"f", b"e", b"d"], object)
LARGER = np.array([b"new", *MONDAY], object)
SMALLER = np.array([b"e", b"a"], object)


def _compiled(options: ModelOptions, items: int = 9, optimizer: str = "LazyAdam") -> TwoTower:
    model = make_model(options, tf.constant([0, 0, *range(items, 0, -1)], tf.int64))
    choices = {
        "LazyAdam": LazyAdam(0.01, use_ema=True, ema_momentum=0.9),
        "Adam": tf.keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
        "Adagrad": tf.keras.optimizers.Adagrad(0.01),
    }
    model.compile(optimizer=choices[optimizer])
    return model


def _trained(options: ModelOptions, optimizer: str = "LazyAdam") -> TwoTower:
    model = _compiled(options, optimizer=optimizer)
    model.fit(tf.data.Dataset.from_tensors((CONTEXT, TARGET)).repeat(3), verbose=0)
    return model


def _state(options: ModelOptions = OPTIONS, optimizer: str = "LazyAdam") -> TrainingState:
    return capture(_trained(options, optimizer), MONDAY, options)


def _rows(model: TwoTower, ids: np.ndarray, item: bytes) -> np.ndarray:
    """Returns the vectors of all members of an item."""
    index = FIRST_ITEM + ids.tolist().index(item)
    return model.candidate_tower.table(tf.constant([index])).numpy()[0]


@pytest.mark.parametrize("options", [OPTIONS, TWO], ids=["one member", "two members"])
@pytest.mark.parametrize("ids", [TUESDAY, LARGER, SMALLER], ids=["other", "larger", "smaller"])
def test_rows_follow_their_items(options: ModelOptions, ids: np.ndarray) -> None:
    before = _trained(options)
    state = capture(before, MONDAY, options)
    model = _compiled(options, len(ids))

    carried = carry_weights(state, model, ids, None)

    common = set(MONDAY) & set(ids)
    assert carried == CarriedItems(len(common), 0, len(ids) - len(common), 9 - len(common))
    for item in common:
        np.testing.assert_array_equal(_rows(model, ids, item), _rows(before, MONDAY, item))
    reserved = tf.range(FIRST_ITEM)
    np.testing.assert_array_equal(
        model.candidate_tower.table(reserved), before.candidate_tower.table(reserved)
    )


def test_a_model_that_starts_warm_answers_as_the_one_before() -> None:
    before = _trained(OPTIONS)
    model = _compiled(OPTIONS)
    order = [4, 2, 8, 0, 1, 3, 5, 6, 7]
    carry_weights(capture(before, MONDAY, OPTIONS), model, MONDAY[order], None)

    moved = np.argsort(order)[CONTEXT.numpy() - FIRST_ITEM] + FIRST_ITEM
    context = np.where(CONTEXT.numpy() == 0, 0, moved)
    np.testing.assert_allclose(
        model.catalogue_scores(tf.constant(context)).numpy(),
        before.catalogue_scores(CONTEXT).numpy()[:, order],
        rtol=1e-5,
    )


def test_new_items_begin_with_the_mean_of_the_neighbors_that_are_not_new() -> None:
    before = _trained(OPTIONS)
    model = _compiled(OPTIONS)
    fresh = _rows(model, TUESDAY, b"y")
    place = {item: FIRST_ITEM + at for at, item in enumerate(TUESDAY.tolist())}
    items, weight = np.zeros((11, 3), np.int32), np.zeros((11, 3), np.float32)
    # x: 3 parts a, 1 part b, and y, which is new itself; y: x alone.
    items[place[b"x"]] = [place[b"a"], place[b"b"], place[b"y"]]
    weight[place[b"x"]] = [0.6, 0.2, 0.2]
    items[place[b"y"], 0], weight[place[b"y"], 0] = place[b"x"], 1.0

    state = capture(before, MONDAY, OPTIONS)
    carried = carry_weights(state, model, TUESDAY, ItemNeighbors(items, weight))

    assert carried == CarriedItems(kept=7, placed=1, fresh=1, dropped=2)
    mean = 0.75 * _rows(before, MONDAY, b"a") + 0.25 * _rows(before, MONDAY, b"b")
    np.testing.assert_allclose(_rows(model, TUESDAY, b"x"), mean, rtol=1e-5)
    np.testing.assert_array_equal(_rows(model, TUESDAY, b"y"), fresh)


@pytest.mark.parametrize("optimizer", ["LazyAdam", "Adam", "Adagrad"])
def test_a_warm_model_learns_as_if_training_had_not_stopped(optimizer: str) -> None:
    """With moments and step number; without averages, whose last values are the weights."""
    plain = _trained(OPTIONS, optimizer)
    state = capture(plain, MONDAY, OPTIONS)
    model = _compiled(OPTIONS, optimizer=optimizer)
    carry_weights(state, model, MONDAY, None)
    model.optimizer.build(model.trainable_variables)
    carry_slots(state, model, MONDAY)

    for each in (plain, model):
        tf.keras.utils.set_random_seed(3)  # the same negatives
        gradients = [tf.ones_like(weight) for weight in each.trainable_variables]
        each.optimizer.apply_gradients(zip(gradients, each.trainable_variables, strict=True))

    for own, expected in zip(model.trainable_variables, plain.trainable_variables, strict=True):
        np.testing.assert_allclose(own.numpy(), expected.numpy(), rtol=1e-5)
    assert int(model.optimizer.iterations) == 4


@pytest.mark.parametrize("optimizer", ["LazyAdam", "Adam"])
def test_averages_begin_at_the_weights_that_are_carried(optimizer: str) -> None:
    state = _state(optimizer=optimizer)
    model = _compiled(OPTIONS, optimizer=optimizer)
    carry_weights(state, model, MONDAY, None)
    model.optimizer.build(model.trainable_variables)
    carry_slots(state, model, MONDAY)

    model.optimizer.finalize_variable_values(model.trainable_variables)

    for own, expected in zip(model.trainable_variables, state.weights, strict=True):
        np.testing.assert_allclose(own.numpy(), expected, rtol=1e-6)


def test_moments_of_rows_follow_their_items_and_those_of_new_items_are_zero() -> None:
    state = _state()
    model = _compiled(OPTIONS)
    carry_weights(state, model, TUESDAY, None)
    model.optimizer.build(model.trainable_variables)
    carry_slots(state, model, TUESDAY)

    table = state.weights[0]
    (first, *_) = (slot for slot in state.slots if slot.shape == table.shape)
    found = next(v for v in model.optimizer.variables if tuple(v.shape) == table.shape).numpy()
    assert np.abs(first).sum() > 0
    for item in (b"c", b"d"):
        at, before = (FIRST_ITEM + ids.tolist().index(item) for ids in (TUESDAY, MONDAY))
        np.testing.assert_array_equal(found[at], first[before])
    assert not found[FIRST_ITEM + TUESDAY.tolist().index(b"x")].any()


def test_slots_of_another_optimizer_are_left() -> None:
    state = _state(optimizer="Adagrad")
    model = _compiled(OPTIONS)
    carry_weights(state, model, MONDAY, None)
    model.optimizer.build(model.trainable_variables)
    carry_slots(state, model, MONDAY)
    assert int(model.optimizer.iterations) == 0


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="its weights have the shapes"):
        carry_weights(_state(), _compiled(TWO), MONDAY, None)


@pytest.mark.parametrize("name", ["embedding_dim", "gru_units", "ensemble_size", "copy_lags"])
def test_the_shape_tells_models_apart_that_share_no_weights(name: str) -> None:
    other = dataclasses.replace(OPTIONS, **{name: getattr(OPTIONS, name) + 1})
    assert shape_of(other) != shape_of(OPTIONS)
    assert shape_of(dataclasses.replace(OPTIONS, embedding_dropout=0.3)) == shape_of(OPTIONS)
    assert shape_of(dataclasses.replace(OPTIONS, num_neighbors=0)) != shape_of(OPTIONS)
