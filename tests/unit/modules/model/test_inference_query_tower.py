"""The served query tower gives the trained one's vectors, whatever the shape of the model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.model.cooccurrence_neighbors import ItemNeighbors
from modules.model.inference_query_tower import InferenceQueryTower
from modules.model.two_tower import TwoTower

ITEM_INDICES = 12
COUNTS = tf.constant([0, 0, *range(10, 0, -1)], tf.int64)
OPTIONS = ModelOptions(ensemble_size=2, embedding_dim=6, gru_units=6, copy_lags=3)
CONTEXT = tf.constant([[2, 3, 4, 3], [5, 6, 0, 0], [7, 0, 0, 0], [0, 0, 0, 0]], tf.int64)


def _model(options: ModelOptions, precision: str = "float32") -> TwoTower:
    tf.keras.utils.set_random_seed(4)
    neighbors = None
    if options.num_neighbors:
        items = np.arange(2 * ITEM_INDICES, dtype=np.int32).reshape(-1, 2) % ITEM_INDICES
        neighbors = ItemNeighbors(items, np.full(items.shape, 0.25, np.float32))
    model = TwoTower(COUNTS, options, TrainerOptions(precision=precision), neighbors)
    model.query_tower(CONTEXT)
    for number, weight in enumerate(model.query_tower.trainable_weights):
        weight.assign(tf.random.stateless_normal(weight.shape, [3, number], stddev=0.5))
    return model


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"ensemble_size": 1},
        {"ensemble_size": 3, "gru_units": 4},
        {"gru_units": 0},
        {"copy_lags": 0},
        {"copy_lags": 9},
        {"normalize": False},
        {"shared_embedding": False},
        {"num_neighbors": 2},
        {"num_neighbors": 2, "shared_embedding": False},
    ],
)
def test_its_vectors_are_those_of_the_trained_tower(change: dict[str, object]) -> None:
    model = _model(dataclasses.replace(OPTIONS, **{"num_neighbors": 0, **change}))
    expected = model.query_tower(CONTEXT).numpy()

    tower = InferenceQueryTower(model.for_serving().query_tower)
    served, latest = tf.function(tower), tf.function(tower.latest)

    np.testing.assert_allclose(served(CONTEXT), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(served(CONTEXT[:1, :2]), expected[:1, :2], rtol=1e-5, atol=1e-5)
    last = [3, 1, 0]
    np.testing.assert_allclose(latest(CONTEXT[:3]), expected[range(3), last], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(latest(CONTEXT[1:2]), expected[1:2, 1], rtol=1e-5, atol=1e-5)
    assert latest(CONTEXT[:0]).shape == (0, expected.shape[-1])
    assert served(CONTEXT[:0]).shape == (0, 4, expected.shape[-1])


@pytest.mark.parametrize("change", [{}, {"gru_units": 8}, {"ensemble_size": 2}])
def test_many_sessions_at_once(change: dict[str, object]) -> None:
    """TensorFlow's broadcasting product of many rows wrote outside its memory."""
    model = _model(
        dataclasses.replace(OPTIONS, **{"num_neighbors": 0, "ensemble_size": 1, **change})
    )
    context = tf.repeat(CONTEXT, 40, axis=0)
    expected = model.query_tower(context).numpy()
    last = np.repeat([3, 1, 0], 40)

    tower = InferenceQueryTower(model.for_serving().query_tower)
    served, latest = tf.function(tower), tf.function(tower.latest)

    for _ in range(20):
        np.testing.assert_allclose(served(context), expected, rtol=1e-5, atol=1e-5)
        found = latest(context)[:120]
        np.testing.assert_allclose(found, expected[range(120), last], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("neighbors", [0, 2])
def test_what_was_trained_in_16_bits_is_served_in_32(neighbors: int) -> None:
    options = dataclasses.replace(OPTIONS, num_neighbors=neighbors)
    in_32_bits = _model(options).query_tower(CONTEXT).numpy()
    model = _model(options, "mixed_bfloat16")
    model.candidate_tower.popularity_weight.assign(0.3)
    catalogue = model.candidate_tower.catalogue().numpy()

    served = model.for_serving()

    assert np.abs(model.query_tower(CONTEXT) - in_32_bits).max() > 1e-4
    np.testing.assert_allclose(served.query_tower(CONTEXT), in_32_bits, rtol=1e-5, atol=1e-5)
    vectors = InferenceQueryTower(served.query_tower)(CONTEXT)
    np.testing.assert_allclose(vectors, in_32_bits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(served.candidate_tower.catalogue(), catalogue, atol=0.05)


def test_padding_leaves_the_latest_step_alone() -> None:
    """Whatever the weights: a gate that is only nearly shut let it in."""
    tower = _model(dataclasses.replace(OPTIONS, num_neighbors=0)).query_tower
    for weight in tower.trainable_weights:
        weight.assign(8.0 * weight)
    latest = tf.function(InferenceQueryTower(tower).latest)
    padded = tf.pad(CONTEXT, [[0, 0], [0, 40]])

    np.testing.assert_allclose(latest(padded), latest(CONTEXT), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("steps", ["all", "latest"])
def test_its_function_holds_few_ops_a_step(steps: str) -> None:
    """One loop for all members: each op of a step costs an answer a microsecond or two."""
    tower = InferenceQueryTower(_model(dataclasses.replace(OPTIONS, num_neighbors=0)).query_tower)
    served = tf.function(tower if steps == "all" else tower.latest)
    graph = served.get_concrete_function(tf.TensorSpec([None, None], tf.int64)).graph
    loops = [op for op in graph.get_operations() if op.type in ("While", "StatelessWhile")]
    assert len(loops) == 1
    body = graph._get_function(loops[0].get_attr("body").name).graph
    assert len(body.get_operations()) < 45
