"""The query tower as it is served: all members in one loop over the session, in a few ops a step.

Keras's GRU layer brings, for each member, a loop of its own with more ops a step, a version for
GPUs and the gradients' functions: time of each answer, export and load. The numbers are the same,
to float32's precision.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from modules.towers import QueryTower, joined, lag_matrix, with_popularity
from modules.vocabulary import PADDING


class ServedQueryTower(tf.Module):
    """Gives the query vectors of a trained `QueryTower`, whose weights it copies but for the table.

    Weights of members are stacked along their first axis.
    """

    def __init__(self, tower: QueryTower) -> None:
        """Takes a tower over.

        Args:
          tower: trained, all of float32; its table stays the tower's own.
        """
        super().__init__(name="served_query_tower")
        tower(tf.constant([[PADDING]]))  # has its weights from now on, if it had none
        self._options = tower.options
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
        grus = [member.gru.cell for member in members if member.gru is not None]
        projections = [m.projection for m in members if m.projection is not None]
        self._gru = _stacked_weights(grus)
        self._projection = _stacked_weights(projections)
        self._copy_weights = self._temperature = None
        if self._options.copy_lags:
            self._copy_weights = _stacked([m.copy_weights for m in members])
        if self._options.normalize:
            self._temperature = _stacked([tf.exp(m.log_temperature) for m in members])

    def __call__(self, context: tf.Tensor) -> tf.Tensor:
        """Maps contexts to query vectors as `QueryTower` does without training.

        Args:
          context: item indices, int `[batch, steps]`, right-padded with 0; at least one step.

        Returns:
          float32 `[batch, steps, dim]`.
        """
        vectors = self._vectors(context)
        parts = []
        if self._gru:
            parts.append(self._states(vectors))
        if self._copy_weights is not None:
            others = vectors if self._other_vectors is None else self._other_vectors(context)
            candidates = self._of_candidates(others)
            candidates *= tf.cast(context != PADDING, tf.float32)[:, :, None, None]
            weights = lag_matrix(self._copy_weights, tf.shape(context)[1])
            parts.append(tf.einsum("mji,bimd->bjmd", weights, candidates))
        query = tf.add_n(parts)
        if self._temperature is not None:
            query = tf.math.l2_normalize(query, axis=-1) / self._temperature[:, None]
        return with_popularity(joined(query))

    def _states(self, vectors: tf.Tensor) -> tf.Tensor:
        """Runs the GRUs, `[batch, steps, members, dim]` to the same shape.

        A step is that of Keras's GRUCell with `reset_after` (Cho et al., 2014, as cuDNN has it).
        """
        kernel, recurrent_kernel, bias = self._gru
        units = self._options.gru_units
        # Not by a matmul that broadcasts the kernel: TensorFlow 2.16's, of oneDNN, writes outside
        # its memory where there is one member: a crash, or wrong answers, from some 30 sessions on.
        inputs = tf.einsum("bsmd,mdu->smbu", vectors, kernel) + bias[:, :1]
        gate_inputs, state_inputs = inputs[..., : 2 * units], inputs[..., 2 * units :]
        recurrent_bias = bias[:, 1:]
        steps = tf.shape(vectors)[1]

        def step(
            at: tf.Tensor, state: tf.Tensor, states: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
            recurrent = tf.linalg.matmul(state, recurrent_kernel) + recurrent_bias
            of_gates, of_state = tf.split(recurrent, [2 * units, units], axis=-1)
            update, reset = tf.split(tf.sigmoid(tf.gather(gate_inputs, at) + of_gates), 2, axis=-1)
            candidate = tf.tanh(tf.gather(state_inputs, at) + reset * of_state)
            state = candidate + update * (state - candidate)
            return at + 1, state, states.write(at, state)

        first = tf.zeros([self._options.members, tf.shape(vectors)[0], units])
        collected = tf.TensorArray(tf.float32, steps, element_shape=first.shape)
        _, _, collected = tf.while_loop(
            lambda at, *_: at < steps, step, (tf.constant(0), first, collected)
        )
        states = tf.transpose(collected.stack(), [2, 0, 1, 3])
        if self._projection:
            kernel, bias = self._projection
            states = tf.einsum("bsmu,mud->bsmd", states, kernel) + bias
        return states


def _stacked_weights(layers: list[tf.keras.layers.Layer]) -> list[tf.Variable]:
    """Returns the weights of alike layers, stacked; none if there is no layer."""
    return [
        _stacked(list(weights))
        for weights in zip(*(layer.weights for layer in layers), strict=True)
    ]


def _stacked(weights: list[tf.Tensor | tf.Variable]) -> tf.Variable:
    return tf.Variable(np.stack([np.asarray(weight) for weight in weights]), trainable=False)
