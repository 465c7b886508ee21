"""The query tower as it is served: all members in one loop over the session, in a few ops a step.

Keras's GRU layer brings, for each member, a loop of its own with more ops a step, a version for
GPUs and the gradients' functions: time of each answer, export and load. The numbers are the same as
those of `modules.model.towers`, to float32's precision; a test holds all three forms equal. A
single session takes as long as its ops are many, so members share one product with zeros between
them rather than having several, and the latest step has ops of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from modules.array_types import Float32Array
from modules.data.vocabulary import PADDING
from modules.model.towers import QueryTower, joined, lag_matrix, with_popularity

# Input of a gate at which the sigmoid is 0, whatever is added to it.
_SHUT = -1e4


class InferenceQueryTower(tf.Module):
    """Gives the query vectors of a trained `QueryTower`, whose weights it copies but for the table.

    Members stand side by side in the last axis of states; weights of theirs are blocks on the
    diagonal of one matrix.
    """

    def __init__(self, tower: QueryTower) -> None:
        """Takes a tower over.

        Args:
          tower: trained, all of float32; its table stays the tower's own.
        """
        super().__init__(name="served_query_tower")
        tower(tf.constant([[PADDING]]))  # has its weights from now on, if it had none
        self._options = tower.options
        self._units = tower.options.ensemble_size * tower.options.gru_units
        self._of_candidates = tower.candidate_tower.from_table
        # In functions: a tracked Keras layer would save functions of its own. What the tables
        # read is tracked.
        table, of_candidates = tower.table, tower.candidate_tower.table
        self._vectors = lambda context: table(context)
        self._table_variables = list(table.variables)
        self._other_vectors = None
        if self._options.copy_lags and of_candidates is not table:
            self._other_vectors = lambda context: of_candidates(context)
            self._table_variables += of_candidates.variables
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
            # One lag more, without weight, for padding and for what is too long ago.
            self._copy_weights = _variable(np.pad(by_lag, [(0, 1), (0, 0)]))
        if self._options.normalize:
            logarithms = np.stack([m.log_temperature.numpy() for m in members])
            self._temperature = _variable(np.exp(logarithms)[:, None])

    def __call__(self, context: tf.Tensor) -> tf.Tensor:
        """Maps contexts to query vectors as `QueryTower` does without training.

        Args:
          context: item indices, int `[batch, steps]`, right-padded with 0; at least one step.

        Returns:
          float32 `[batch, steps, dim]`.
        """
        items = tf.transpose(context)
        steps = tf.shape(items)[0]
        vectors = self._vectors(items)
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
        """Gives the query vectors after the whole contexts.

        Args:
          context: as in `__call__`. What a row without items gets is no answer.

        Returns:
          float32 `[batch, dim]`: what `__call__` gives at the last step that is not padding.
        """
        items = tf.transpose(context)
        vectors = self._vectors(items)
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
        """Copies the members' GRUs; all gates of one kind stand side by side."""
        kernels, recurrent_kernels, biases = zip(
            *(gru.get_weights() for gru in layers), strict=True
        )
        kernel = _by_gate(_on_diagonal(kernels), len(layers))
        recurrent_kernel = _by_gate(_on_diagonal(recurrent_kernels), len(layers))
        bias, recurrent_bias = _by_gate(np.concatenate(biases, axis=1), len(layers))
        # That of the gates is added to the inputs once, that of the candidate state is gated.
        gates = 2 * self._units
        bias[:gates] += recurrent_bias[:gates]
        # The update gate is turned round: a shut one leaves the state as it is, to the last bit.
        for weights in (kernel, recurrent_kernel, bias):
            weights[..., : self._units] *= -1.0
        self._kernel, self._recurrent_kernel = _variable(kernel), _variable(recurrent_kernel)
        self._bias, self._candidate_bias = _variable(bias), _variable(recurrent_bias[gates:])

    def _inputs(self, vectors: tf.Tensor) -> tf.Tensor:
        """Returns what vectors `[steps, batch, members, dim]` add to gates and candidate states.

        Returns:
          float32 `[steps, batch, 3 * units of all members]`: 1 - update, reset, candidate state.
        """
        rows = tf.reshape(vectors, [-1, self._kernel.shape[0]])
        inputs = tf.linalg.matmul(rows, self._kernel) + self._bias
        return tf.reshape(inputs, [tf.shape(vectors)[0], -1, self._kernel.shape[1]])

    def _next_state(self, inputs: tf.Tensor, state: tf.Tensor) -> tf.Tensor:
        """Makes a step of all members' GRUs: that of Keras's GRUCell with `reset_after`.

        (Cho et al., 2014, as cuDNN has it.)

        Args:
          inputs: of the step, from `_inputs`, `[batch, 3 * units of all members]`.
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
        """Runs the GRUs, `[steps, batch, members, dim]` to `[steps * batch, members, dim]`."""
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
        """Runs the GRUs over `[steps, batch, members, dim]`, gives `[batch, members, dim]`.

        Args:
          vectors: of the context.
          is_padding: bool `[steps, batch]`; the state stays as it is there.
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
        """Returns the candidate vectors of items, whose context vectors are given."""
        others = vectors if self._other_vectors is None else self._other_vectors(items)
        return self._of_candidates(others)

    def _rows(self, values: tf.Tensor) -> tf.Tensor:
        """Reshapes to `[rows, members, dim]`."""
        return tf.reshape(values, [-1, self._options.ensemble_size, self._options.embedding_dim])

    def _query(self, parts: list[tf.Tensor]) -> tf.Tensor:
        """Makes query vectors `[rows, dim]` of the sum of terms `[rows, members, dim]`."""
        query = tf.add_n(parts)
        if self._temperature is not None:
            query = tf.math.l2_normalize(query, axis=-1) / self._temperature
        return with_popularity(joined(query))


def _on_diagonal(blocks: Sequence[Float32Array]) -> Float32Array:
    """Puts members' matrices of one shape on the diagonal of a matrix of zeros."""
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
