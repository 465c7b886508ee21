"""The two towers: what a query depends on, the copy term, and members."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from modules.config.options.trainer import TrainerOptions
from modules.data.item_indices import FIRST_ITEM
from modules.model.two_tower import TwoTower
from tests.small_model import CONTEXT, COUNTS, ITEMS, NO_COPY, OPTIONS, TWO, make_model


@pytest.fixture(scope="module")
def model() -> TwoTower:
    return make_model()


def _queries(model: TwoTower, *context: int) -> np.ndarray:
    return model.query_tower(tf.constant([context])).numpy()[0]


def test_a_query_depends_on_no_later_item(model: TwoTower) -> None:
    one, other = _queries(model, 4, 7, 2, 9), _queries(model, 4, 7, 10, 3)

    np.testing.assert_allclose(one[:2], other[:2], atol=1e-6)
    assert np.abs(one[2] - other[2]).max() > 0.1


def test_a_query_depends_on_every_earlier_item(model: TwoTower) -> None:
    one, other = _queries(model, 4, 7, 2, 9), _queries(model, 10, 7, 2, 9)

    assert np.abs(one[3] - other[3]).max() > 1e-3


@pytest.mark.parametrize("padding", [1, 2, 40])
def test_more_padding_never_changes_a_score(model: TwoTower, padding: int) -> None:
    catalogue = model.candidate_tower.catalogue().numpy()

    scores = _queries(model, 5, 6, 9) @ catalogue.T
    padded = _queries(model, 5, 6, 9, *[0] * padding) @ catalogue.T

    np.testing.assert_allclose(padded[:3], scores, atol=1e-5)


def test_other_sessions_of_a_batch_do_not_matter(model: TwoTower) -> None:
    batch = model.query_tower(tf.constant([[5, 6, 9], [2, 0, 0], [3, 3, 3]])).numpy()

    np.testing.assert_allclose(batch[0], _queries(model, 5, 6, 9), atol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_permuting_the_catalogue_permutes_ids_only(shared: bool) -> None:
    options = dataclasses.replace(OPTIONS, shared_embedding=shared)
    model, permuted = make_model(options), make_model(options)
    # Item i of the one is item new_index[i] of the other.
    new_index = np.arange(ITEMS + FIRST_ITEM)
    new_index[FIRST_ITEM:] = FIRST_ITEM + np.random.default_rng(5).permutation(ITEMS)
    for before, after in zip(model.query_tower.weights, permuted.query_tower.weights, strict=True):
        after.assign(before)
    for tower in ("candidate_tower", "query_tower"):
        table = getattr(model, tower).table.embedding(np.arange(ITEMS + FIRST_ITEM)).numpy()
        moved = np.empty_like(table)
        moved[new_index] = table
        getattr(permuted, tower).table.embedding.set_weights([moved])

    def scores(of: TwoTower, context: np.ndarray) -> np.ndarray:
        queries = of.query_tower(tf.constant(context[None])).numpy()[0]
        return queries @ of.candidate_tower.catalogue().numpy().T

    context = np.array([2, 9, 4, 4])
    moved_scores = scores(permuted, new_index[context])
    places = new_index[FIRST_ITEM:] - FIRST_ITEM
    np.testing.assert_allclose(moved_scores[:, places], scores(model, context), atol=1e-5)


def test_one_table_or_two() -> None:
    shared = make_model()
    separate = make_model(dataclasses.replace(OPTIONS, shared_embedding=False))

    def table_count(model: TwoTower) -> int:
        model.candidate_tower.catalogue()
        return sum(weight.shape == [ITEMS + FIRST_ITEM, 6] for weight in model.trainable_weights)

    assert shared.query_tower.table.embedding is shared.candidate_tower.table.embedding
    assert (table_count(shared), table_count(separate)) == (1, 2)


def test_the_copy_term_by_hand() -> None:
    """Of the two latest lags: weight 0.5 for the current item, -2 for the one before it."""
    model = make_model(dataclasses.replace(OPTIONS, gru_units=0, normalize=False))
    model.query_tower.members[0].copy_weights.assign([0.5, -2.0])
    vector = dict(enumerate(model.candidate_tower.catalogue().numpy()[:, :-1], FIRST_ITEM))

    added = model.query_tower(tf.constant([[3, 7, 3, 0], [5, 0, 0, 0]])).numpy()[..., :-1]

    zero = np.zeros_like(vector[3])
    expected = [
        [
            0.5 * vector[3],
            0.5 * vector[7] - 2 * vector[3],
            0.5 * vector[3] - 2 * vector[7],
            -2 * vector[3],
        ],
        [0.5 * vector[5], -2 * vector[5], zero, zero],
    ]
    np.testing.assert_allclose(added, expected, atol=1e-6)


def test_without_normalisation_or_copies_the_query_is_the_grus_state() -> None:
    options = dataclasses.replace(NO_COPY, normalize=False, gru_units=6)
    model = make_model(options)
    tower = model.query_tower

    expected = tower.members[0].gru(tower.table.of_member(CONTEXT, 0)).numpy()

    np.testing.assert_allclose(tower(CONTEXT).numpy()[..., :-1], expected, atol=1e-6)
    assert len(tower.members[0].weights) == 3  # the GRU's
    assert tower.temperature is None


def test_normalised_scores_are_cosines_over_the_temperature(model: TwoTower) -> None:
    queries, catalogue = _queries(model, 4, 8), model.candidate_tower.catalogue().numpy()

    np.testing.assert_allclose(np.linalg.norm(catalogue[:, :-1], axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(queries[:, :-1], axis=1), 1 / 0.5, atol=1e-5)


def test_without_a_gru_the_query_is_the_copy_term_alone() -> None:
    model = make_model(dataclasses.replace(OPTIONS, gru_units=0, normalize=False))
    model.query_tower.members[0].copy_weights.assign([1.0, 0.0])

    is_item = CONTEXT.numpy() > 0
    expected, found = model.candidate_tower(CONTEXT), model.query_tower(CONTEXT)
    np.testing.assert_allclose(found[..., :-1][is_item], expected[..., :-1][is_item], atol=1e-6)


def test_indices_of_any_shape_have_vectors() -> None:
    tower = make_model(TWO).candidate_tower
    items = tf.constant([[FIRST_ITEM, FIRST_ITEM + 2]])

    vectors = tower(items)

    np.testing.assert_allclose(tower(items[0]), vectors[0], atol=1e-6)
    np.testing.assert_allclose(tower(items[0, 1]), vectors[0, 1], atol=1e-6)


def test_a_score_is_the_mean_of_the_members_scores() -> None:
    model = make_model(TWO)
    every_item = tf.range(FIRST_ITEM, FIRST_ITEM + ITEMS)

    scores = model.query_tower(CONTEXT).numpy() @ model.candidate_tower.catalogue().numpy().T
    by_members = [
        model.query_tower.of_member(CONTEXT, member).numpy()
        @ model.candidate_tower.of_member(every_item, member).numpy().T
        for member in (0, 1)
    ]

    np.testing.assert_allclose(scores, sum(by_members) / 2, atol=1e-5)
    assert scores.shape == (*CONTEXT.shape, ITEMS)
    vectors = model.candidate_tower.catalogue()[:, :-1]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, 1e-5)
    np.testing.assert_allclose(np.linalg.norm(model.query_tower(CONTEXT)[0, 0, :-1]), 1 / 0.5, 1e-5)


def test_popularity_counts_by_its_weight() -> None:
    """A weight of 2 adds twice the logarithm of an item's events, at every step."""
    model = make_model(TWO)
    queries = model.query_tower(CONTEXT)
    before = queries @ tf.transpose(model.candidate_tower.catalogue())

    model.candidate_tower.popularity_weight.assign(2.0)

    added = queries @ tf.transpose(model.candidate_tower.catalogue()) - before
    expected = 2 * np.log(np.maximum(COUNTS[FIRST_ITEM:], 1))
    np.testing.assert_allclose(added, np.broadcast_to(expected, added.shape), atol=1e-5)


def test_members_share_nothing_but_the_sessions() -> None:
    """The loss of one changes no weight of the other, and both start apart."""
    model = make_model(TWO)
    with tf.GradientTape() as tape:
        queries, others = (model.query_tower.of_member(CONTEXT, member) for member in (0, 1))
        one = tf.reduce_sum(queries)
    first, second = (member.trainable_weights for member in model.query_tower.members)
    table = model.candidate_tower.table.embedding.embeddings

    of_table, *of_members = tape.gradient(one, [table, *first, *second])

    own = [np.abs(tf.convert_to_tensor(part)).max() for part in of_members[: len(first)]]
    assert min(own) > 0.0
    assert of_members[len(first) :] == [None] * len(second)
    assert set(of_table.indices.numpy() % 2) == {0}  # every other row is the first one's
    assert np.abs(queries - others).max() > 0.1


def test_a_query_needs_a_gru_or_copies() -> None:
    problems = dataclasses.replace(OPTIONS, gru_units=0, copy_lags=0).problems()
    assert "gru_units and copy_lags" in problems[0]


def test_the_options_set_the_initial_temperature() -> None:
    tf.keras.utils.set_random_seed(1)
    model = TwoTower(COUNTS, dataclasses.replace(OPTIONS, temperature=0.25), TrainerOptions())

    assert np.linalg.norm(_queries(model, 4, 8)[:, :-1], axis=1) == pytest.approx(
        [4.0, 4.0], rel=1e-4
    )


def test_dropout_is_active_in_training_only() -> None:
    options = dataclasses.replace(OPTIONS, embedding_dropout=0.5, output_dropout=0.5)
    tower = make_model(options).query_tower

    plain, again = tower(CONTEXT), tower(CONTEXT, training=False)
    dropped, otherwise = tower(CONTEXT, training=True), tower(CONTEXT, training=True)

    np.testing.assert_array_equal(plain, again)
    assert np.abs(dropped - otherwise).max() > 0.01


def test_the_gru_meets_the_conditions_of_cudnn(model: TwoTower) -> None:
    """https://www.tensorflow.org/api_docs/python/tf/keras/layers/GRU lists them."""
    gru = model.query_tower.members[0].gru

    assert gru.activation is tf.keras.activations.tanh
    assert gru.recurrent_activation is tf.keras.activations.sigmoid
    assert gru.recurrent_dropout == 0
    assert gru.unroll is False
    assert gru.use_bias is True
    assert gru.reset_after is True
    assert gru.time_major is False
    # Keras's own verdict, but for whether there is a GPU.
    assert gru._could_use_gpu_kernel


def test_the_gru_gets_no_mask(model: TwoTower) -> None:
    tower = model.query_tower

    assert not tower.table.embedding.mask_zero
    embedded = tower.members[0].embedding_dropout(tower.table.of_member(CONTEXT, 0))
    assert getattr(embedded, "_keras_mask", None) is None


def test_mixed_precision_computes_layers_in_16_bits_and_scores_in_32() -> None:
    model = make_model(precision="mixed_bfloat16")
    tower = model.query_tower

    assert tower.members[0].gru(tower.table.of_member(CONTEXT, 0)).dtype == tf.bfloat16
    assert tower(CONTEXT).dtype == tf.float32
    assert model.candidate_tower.catalogue().dtype == tf.float32
    assert tf.keras.mixed_precision.global_policy().name == "float32"
