"""The table of item vectors, with and without shares of neighbors."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from modules.model.cooccurrence_neighbors import ItemNeighbors
from modules.model.item_embedding import ItemEmbedding


def _table() -> ItemEmbedding:
    neighbors = ItemNeighbors(
        np.array([[0, 0], [3, 2], [0, 0], [1, 0]], np.int32),
        np.array([[0, 0], [0.75, 0.25], [0, 0], [1, 0]], np.float32),
    )
    table = ItemEmbedding(4, 2, 2, neighbors)
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
    table.mix_in_neighbors()
    table.mix_in_neighbors()  # nothing is left to do
    np.testing.assert_array_equal(table(tf.range(4)), before)
    np.testing.assert_array_equal(table.embedding(tf.range(8)), before.reshape(8, 2))


def test_gradients_reach_the_neighbors_and_their_share() -> None:
    table = _table()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(table.of_member(tf.constant([1]), 0))
    rows, share = tape.gradient(loss, [table.embedding.embeddings, table.neighbor_share])
    assert set(rows.indices.numpy()) == {2, 4, 6}  # of items 1, 2 and 3
    assert float(share) == pytest.approx(0.75 * 8 + 0.25 * 4)
