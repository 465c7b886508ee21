"""The table of item vectors, with and without properties of items and shares of neighbors."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.model.cooccurrence_neighbors import ItemNeighbors
from modules.model.item_embedding import ItemEmbedding
from modules.model.item_features import ItemFeatures


def _table(features: ItemFeatures | None = None) -> ItemEmbedding:
    neighbors = ItemNeighbors(
        np.array([[0, 0], [3, 2], [0, 0], [1, 0]], np.int32),
        np.array([[0, 0], [0.75, 0.25], [0, 0], [1, 0]], np.float32),
    )
    table = ItemEmbedding(4, 2, 2, neighbors, features=features)
    table.embedding.build(None)
    vectors = np.array([[9, 9], [1, 2], [4, 0], [0, 8]], np.float32)
    # The second member's are a hundred times as long.
    table.embedding.set_weights([np.stack([vectors, 100 * vectors], axis=1).reshape(8, 2)])
    return table


def test_neighbors_add_their_share() -> None:
    """Half of .75 (0, 8) + .25 (4, 0) to item 1; item 2 has no neighbor."""
    expected = [[1.5, 5.0], [4.0, 0.0], [0.5, 9.0]]
    items = tf.constant([[1, 2, 3]])
    both = _table()(items).numpy()
    assert both[:, :, 0].tolist() == [expected]
    np.testing.assert_array_equal(both[:, :, 1], 100 * both[:, :, 0])
    np.testing.assert_array_equal(_table().of_member(items, 1), both[:, :, 1])


def test_mixing_in_changes_no_vector_and_leaves_a_plain_lookup() -> None:
    table = _table()
    before = table(tf.range(4)).numpy()
    table.mix_in()
    table.mix_in()  # nothing is left to do
    np.testing.assert_array_equal(table(tf.range(4)), before)
    np.testing.assert_array_equal(table.embedding(tf.range(8)), before.reshape(8, 2))


def test_gradients_reach_the_neighbors_and_their_share() -> None:
    table = _table()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(table.of_member(tf.constant([1]), 0))
    rows, share = tape.gradient(loss, [table.embedding.embeddings, table.neighbor_share])
    assert set(rows.indices.numpy()) == {2, 4, 6}  # of items 1, 2 and 3
    assert float(share) == pytest.approx(0.75 * 8 + 0.25 * 4)


def _table_with_features() -> ItemEmbedding:
    """Item 1 has the first value, item 2 half of each, item 3 none."""
    features = ItemFeatures(
        (("kind", "a"), ("kind", "b")),
        np.array([[0, 0], [1, 0], [1, 2], [0, 0]], np.int32),
        np.array([[0, 0], [1, 0], [0.5, 0.5], [0, 0]], np.float32),
    )
    table = _table(features)
    table.feature_embedding.build(None)
    vectors = np.array([[7, 7], [2, 4], [6, 0]], np.float32)
    rows = np.stack([vectors, 100 * vectors], axis=1).reshape(6, 2)
    table.feature_embedding.set_weights([rows])
    return table


def test_properties_add_their_vectors_to_the_items_that_have_them() -> None:
    """Neighbors share their own vectors alone."""
    both = _table_with_features()(tf.constant([1, 2, 3])).numpy()
    assert both[:, 0].tolist() == [[1.5 + 2, 5.0 + 4], [4.0 + 4, 0.0 + 2], [0.5, 9.0]]
    np.testing.assert_array_equal(both[:, 1], 100 * both[:, 0])


def test_mixing_in_keeps_what_properties_add() -> None:
    table = _table_with_features()
    before = table(tf.range(4)).numpy()
    table.mix_in()
    np.testing.assert_array_equal(table(tf.range(4)), before)
    np.testing.assert_array_equal(table.embedding(tf.range(8)), before.reshape(8, 2))


def test_gradients_reach_the_properties_of_the_items_in_a_batch() -> None:
    table = _table_with_features()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(table.of_member(tf.constant([2]), 1))
    rows = tape.gradient(loss, table.feature_embedding.embeddings)
    assert dict(zip(rows.indices.numpy(), rows.values.numpy()[:, 0], strict=True)) == {
        3: 0.5,
        5: 0.5,
    }
