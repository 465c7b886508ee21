"""The embedding table of items, which both towers look vectors up in."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from modules.array_types import Float32Array
from modules.model.cooccurrence_neighbors import ItemNeighbors
from modules.model.item_features import ItemFeatures

_FIRST_NEIGHBOR_SHARE = 0.5
_ITEMS_PER_BLOCK = 65_536


class ItemEmbedding(tf.keras.layers.Layer):
    """A learned vector per item and member, plus those of its properties and a share of neighbors'.

    Each vector is a row of its own, so that training one member leaves the others' rows alone.
    """

    def __init__(
        self,
        item_indices: int,
        members: int,
        dim: int,
        neighbors: ItemNeighbors | None = None,
        precision: str = "float32",
        features: ItemFeatures | None = None,
    ) -> None:
        """Makes the table.

        Args:
          item_indices: number of item indices, reserved ones included.
          members: number of vectors per item.
          dim: length of a vector.
          neighbors: neighbors of each item; None for none.
          precision: Keras mixed precision policy.
          features: properties of each item; None for none.
        """
        super().__init__(name="item_vectors", dtype=precision)
        self.item_indices = item_indices
        self._members = members
        self.embedding = tf.keras.layers.Embedding(item_indices * members, dim, dtype=precision)
        self._neighbors = None
        if neighbors is not None:
            self._neighbors = ItemNeighbors(*map(tf.constant, neighbors))
            self.neighbor_share = self.add_weight(
                name="neighbor_share",
                shape=[],
                initializer=tf.keras.initializers.Constant(_FIRST_NEIGHBOR_SHARE),
            )
        self._features = None
        if features is not None:
            self._features = tuple(map(tf.constant, (features.rows, features.weight)))
            rows = (1 + len(features.values)) * members
            self.feature_embedding = tf.keras.layers.Embedding(rows, dim, dtype=precision)

    def call(self, item_index: tf.Tensor) -> tf.Tensor:
        """Maps item indices of any shape to all members' vectors, `[..., members, dim]`."""
        return self.of_member(item_index[..., None], tf.range(self._members))

    def of_member(self, item_index: tf.Tensor, member: int | tf.Tensor) -> tf.Tensor:
        """Maps item indices of any shape to a member's vectors, `[..., dim]`.

        Several members must have a shape that broadcasts with the indices.
        """
        member = tf.cast(member, item_index.dtype)
        vectors = self.embedding(item_index * self._members + member)
        if self._features is not None:
            vectors += self._sum(self.feature_embedding, self._features, item_index, member)
        if self._neighbors is not None:
            share = tf.cast(self.neighbor_share, vectors.dtype)
            vectors += self._sum(self.embedding, self._neighbors, item_index, member, share)
        return vectors

    def _sum(
        self,
        table: tf.keras.layers.Embedding,
        of_items: tuple[tf.Tensor, tf.Tensor],
        item_index: tf.Tensor,
        member: tf.Tensor,
        share: float | tf.Tensor = 1.0,
    ) -> tf.Tensor:
        """Returns a share of a weighted sum of rows for each item, `[..., dim]`.

        Args:
          table: member's rows in a row, as in the table of items.
          of_items: rows of each item, before members, and their weights, `[item_indices, k]`.
          item_index: item indices.
          member: as `of_member`.
          share: factor of all weights.
        """
        rows, weight = (tf.gather(column, item_index) for column in of_items)
        rows = tf.cast(rows, item_index.dtype) * self._members + member[..., None]
        vectors = table(rows)
        weight = tf.cast(weight, vectors.dtype) * share
        return tf.einsum("...kd,...k->...d", vectors, weight)

    def feature_vectors(self) -> Float32Array | None:
        """Returns what each value adds to its items, `[1 + values, members * dim]`; None for none.

        Row 0 is used by no item.
        """
        if self._features is None:
            return None
        vectors = self.feature_embedding.embeddings.numpy()
        return vectors.reshape(-1, self._members * vectors.shape[1]).astype(np.float32)

    def all_vectors(self) -> tf.Tensor:
        """Returns the vectors of all item indices, `[item_indices, members, dim]`."""
        return tf.concat([self(indices) for indices in self.blocks()], axis=0)

    def blocks(self, first: int = 0) -> list[tf.Tensor]:
        """Returns all item indices from `first`, in blocks of bounded size."""
        ends = range(first, self.item_indices, _ITEMS_PER_BLOCK)
        return [tf.range(at, min(at + _ITEMS_PER_BLOCK, self.item_indices)) for at in ends]

    def mix_in(self) -> None:
        """Writes the sums into the table, once training is done."""
        if self._neighbors is not None or self._features is not None:
            table = self.embedding.embeddings
            table.assign(tf.reshape(tf.cast(self.all_vectors(), table.dtype), table.shape))
            self._neighbors = self._features = None
