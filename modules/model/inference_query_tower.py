"""The query tower for serving: one loop over the session for all members, with few ops per step.

Keras's GRU layer adds, for each member, a loop with more ops per step, a version for GPUs and the
functions of the gradients, which slow down each answer, export and load. The results are those of
`modules.model.towers`, to float32's precision; a test holds all three forms equal. The latency of a
single session is proportional to its ops, so members share one product with zeros between them, and
the latest step has ops of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modules.array_types import Float32Array
from modules.data.item_indices import PADDING
from modules.model.item_embedding import ItemEmbedding
from modules.model.towers import QueryTower, joined, lag_matrix, with_popularity

# Input of a gate that makes the sigmoid 0, whatever is added to it.
_SHUT = -1e4


class InferenceQueryTower(tf.Module):
    """Computes the query vectors of a trained `QueryTower`, from copies of its weights.

    The members' states are concatenated in the last axis; their weights are blocks on the diagonal
    of one matrix.
    """

    def __init__(self, tower: QueryTower) -> None:
        """Takes the weights of a trained float32 tower, whose tables are simple lookups."""
        super().__init__(name="served_query_tower")
        tower(tf.constant([[PADDING]]))  # builds the weights, if they are not
        self._options = tower.options
        self._units = tower.options.ensemble_size * tower.options.gru_units
        self._of_candidates = tower.candidate_tower.from_table
        table, of_candidates = tower.table, tower.candidate_tower.table
        self._table = _table(table)
        self._other_table = None
        if self._options.copy_lags and of_candidates is not table:
            self._other_table = _table(of_candidates)
        members = tower.members
        if self._options.gru_units:
            self._take_gru([member.gru for member in members])
        self._projection = self._projection_bias = None
        projections = [m.projection.get_weights() for m in members if m.projection is not None]
        if projections:
            self._projection = _variable(_on_diagonal([kernel for kernel, _ in projections]))
            self._projection_bias = _variable(np.concatenate([bias for _, bias in projections]))
        self._copy_weights = self._temperature = None
        if self._options.copy_lags:
            by_lag = np.stack([m.copy_weights.numpy() for m in members], axis=1)
            # One lag more, of weight 0, for padding and for items beyond the last lag.
            self._copy_weights = _variable(np.pad(by_lag, [(0, 1), (0, 0)]))
        if self._options.normalize:
            logarithms = np.stack([m.log_temperature.numpy() for m in members])
            self._temperature = _variable(np.exp(logarithms)[:, None])

    def __call__(self, context: tf.Tensor) -> tf.Tensor:
        """Maps contexts to query vectors as `QueryTower` does outside of training.

        Args:
          context: item indices, int `[batch, steps]`, right-padded with 0; at least one step.

        Returns:
          float32 `[batch, steps, dim]`.
        """
        items = tf.transpose(context)
        steps = tf.shape(items)[0]
        vectors = self._vectors(self._table, items)
        parts = []
        if self._options.gru_units:
            parts.append(self._all_states(vectors))
        if self._copy_weights is not None:
            candidates = self._candidates(items, vectors)
            candidates *= tf.cast(items != PADDING, tf.float32)[..., None, None]
            weights = lag_matrix(tf.transpose(self._copy_weights), steps)
            copied = tf.einsum("mji,ibmd->jbmd", weights, candidates)
            parts.append(self._rows(copied))
        query = self._query(parts)
        return tf.transpose(tf.reshape(query, [steps, -1, query.shape[-1]]), [1, 0, 2])

    def latest(self, context: tf.Tensor) -> tf.Tensor:
        """Returns the query vectors after the whole contexts, float32 `[batch, dim]`.

        Equal to `__call__` at the last step that is not padding; arbitrary for a row without items.

        Args:
          context: as in `__call__`.
        """
        items = tf.transpose(context)
        vectors = self._vectors(self._table, items)
        last = tf.math.count_nonzero(items, axis=0, dtype=tf.int32) - 1
        lag = last - tf.range(tf.shape(items)[0])[:, None]  # below 0 at padding
        parts = []
        if self._options.gru_units:
            parts.append(self._latest_state(vectors, lag < 0))
        if self._copy_weights is not None:
            lags = self._options.copy_lags
            # From its value: gathering from a variable makes TensorFlow copy it at later reads.
            by_lag = self._copy_weights.read_value()
            weights = tf.gather(by_lag, tf.where(lag < 0, lags, tf.minimum(lag, lags)))
            candidates = self._candidates(items, vectors)
            parts.append(tf.reduce_sum(weights[..., None] * candidates, axis=0))
        return self._query(parts)

    def _take_gru(self, layers: Sequence[tf.keras.layers.GRU]) -> None:
        """Copies the members' GRUs, with all gates of one kind side by side."""
        kernels, recurrent_kernels, biases = zip(
            *(gru.get_weights() for gru in layers), strict=True
        )
        kernel = _by_gate(_on_diagonal(kernels), len(layers))
        recurrent_kernel = _by_gate(_on_diagonal(recurrent_kernels), len(layers))
        bias, recurrent_bias = _by_gate(np.concatenate(biases, axis=1), len(layers))
        # The gates' recurrent bias is added to the inputs once; the candidate state's is gated.
        gates = 2 * self._units
        bias[:gates] += recurrent_bias[:gates]
        # The update gate is inverted: a shut one keeps the state unchanged, to the last bit.
        for weights in (kernel, recurrent_kernel, bias):
            weights[..., : self._units] *= -1.0
        self._kernel, self._recurrent_kernel = _variable(kernel), _variable(recurrent_kernel)
        self._bias, self._candidate_bias = _variable(bias), _variable(recurrent_bias[gates:])

    def _inputs(self, vectors: tf.Tensor) -> tf.Tensor:
        """Returns the inputs of gates and candidate states from `[steps, batch, members, dim]`.

        Returns:
          float32 `[steps, batch, 3 * units of all members]`: 1 - update, reset, candidate state.
        """
        rows = tf.reshape(vectors, [-1, self._kernel.shape[0]])
        inputs = tf.linalg.matmul(rows, self._kernel) + self._bias
        return tf.reshape(inputs, [tf.shape(vectors)[0], -1, self._kernel.shape[1]])

    def _next_state(self, inputs: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """Returns the next state of all members, as Keras's GRUCell with `reset_after`.

        (Cho et al., 2014, in the variant of cuDNN.)

        Args:
          inputs: output of `_inputs` for the step, `[batch, 3 * units of all members]`.
          state: `[batch, units of all members]`.
        """
        parts = [2 * self._units, self._units]
        recurrent = tf.linalg.matmul(state, self._recurrent_kernel)
        of_gates, of_candidate = tf.split(recurrent, parts, axis=1)
        gate_inputs, candidate_inputs = tf.split(inputs, parts, axis=1)
        new_share, reset = tf.split(tf.sigmoid(gate_inputs + of_gates), 2, axis=1)
        candidate = tf.tanh(candidate_inputs + reset * (of_candidate + self._candidate_bias))
        return state + new_share * (candidate - state)

    def _all_states(self, vectors: tf.Tensor) -> tf.Tensor:
        """Maps `[steps, batch, members, dim]` to all states, `[steps * batch, members, dim]`."""
        inputs = self._inputs(vectors)
        first = self._first_state(inputs)
        states = tf.TensorArray(tf.float32, tf.shape(inputs)[0], element_shape=first.shape)

        def step(
            at: tf.Tensor, state: tf.Tensor, states: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
            state = self._next_state(tf.gather(inputs, at), state)
            return at + 1, state, states.write(at, state)

        _, _, states = tf.while_loop(
            lambda at, *_: at < tf.shape(inputs)[0], step, (tf.constant(0), first, states)
        )
        return self._projected(states.concat())

    def _latest_state(self, vectors: tf.Tensor, is_padding: tf.Tensor) -> tf.Tensor:
        """Maps `[steps, batch, members, dim]` to the last state, `[batch, members, dim]`.

        Padding, bool `[steps, batch]`, leaves the state unchanged.
        """
        inputs = self._inputs(vectors)
        shut = tf.where(is_padding, _SHUT, 0.0)[..., None]
        inputs = tf.concat([inputs[..., : self._units] + shut, inputs[..., self._units :]], axis=2)
        _, state = tf.while_loop(
            lambda at, _: at < tf.shape(inputs)[0],
            lambda at, state: (at + 1, self._next_state(tf.gather(inputs, at), state)),
            (tf.constant(0), self._first_state(inputs)),
        )
        return self._projected(state)

    def _first_state(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.zeros([tf.shape(inputs)[1], self._units])

    def _projected(self, states: tf.Tensor) -> tf.Tensor:
        """Maps states `[rows, units of all members]` to `[rows, members, dim]`."""
        if self._projection is not None:
            states = tf.linalg.matmul(states, self._projection) + self._projection_bias
        return self._rows(states)

    def _candidates(self, items: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """Returns the candidate vectors of items with given context vectors."""
        if self._other_table is not None:
            vectors = self._vectors(self._other_table, items)
        return self._of_candidates(vectors)

    def _vectors(self, table: tf.Variable, items: tf.Tensor) -> tf.Tensor:
        """Looks items `[steps, batch]` up; returns `[steps, batch, members, dim]`."""
        shape = [self._options.ensemble_size, self._options.embedding_dim]
        return tf.reshape(tf.gather(table, items), tf.concat([tf.shape(items), shape], 0))

    def _rows(self, values: tf.Tensor) -> tf.Tensor:
        """Reshapes to `[rows, members, dim]`."""
        return tf.reshape(values, [-1, self._options.ensemble_size, self._options.embedding_dim])

    def _query(self, parts: list[tf.Tensor]) -> tf.Tensor:
        """Returns query vectors `[rows, dim]` from the sum of terms `[rows, members, dim]`."""
        query = tf.add_n(parts)
        if self._temperature is not None:
            query = tf.math.l2_normalize(query, axis=-1) / self._temperature
        return with_popularity(joined(query))


def _table(embedding: ItemEmbedding) -> tf.Variable:
    """Returns a table of all members' vectors, to which a copy of the model can add rows."""
    weights = embedding.embedding.embeddings
    values = tf.reshape(weights, [embedding.item_indices, -1])
    return tf.Variable(values, trainable=False, shape=[None, values.shape[1]])


def _on_diagonal(blocks: Sequence[Float32Array]) -> Float32Array:
    """Returns a block diagonal matrix of the members' matrices, which have one shape."""
    members, (rows, columns) = len(blocks), blocks[0].shape
    matrix = np.zeros([members, rows, members, columns], np.float32)
    matrix[np.arange(members), :, np.arange(members)] = blocks
    return matrix.reshape(members * rows, members * columns)


def _by_gate(weights: Float32Array, members: int) -> Float32Array:
    """Reorders the last axis from (member, gate, unit) to (gate, member, unit)."""
    by_member = weights.reshape(len(weights), members, 3, -1)
    return by_member.swapaxes(1, 2).reshape(weights.shape)


def _variable(values: Float32Array) -> tf.Variable:
    return tf.Variable(values, trainable=False)
