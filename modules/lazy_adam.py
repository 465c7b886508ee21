"""Adam that leaves table rows alone which a batch did not touch."""

from __future__ import annotations

import tensorflow as tf


class LazyAdam(tf.keras.optimizers.Adam):
    """Adam (Kingma and Ba, 2015) whose moments of a table row change only when the row is used.

    Keras's Adam passes over all rows of both moments and of the table in every step, which is most
    of a step's time where the catalogue is large and a batch touches a few thousand rows. The name
    and the rule are those of TensorFlow Addons' optimizer, which is not maintained any more. With
    several devices gradients of tables arrive dense, and this is plain Adam.
    """

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates one variable.

        Args:
          gradient: dense, or of some rows, each once (Keras adds up duplicates before).
          variable: a weight that `build` was called with.
        """
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        step = tf.cast(self.iterations + 1, variable.dtype)
        correction = tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        rate = tf.cast(self.learning_rate, variable.dtype) * correction
        place = self._index_dict[self._var_key(variable)]
        first = self._blend(self._momentums[place], self.beta_1, gradient)
        second = self._blend(
            self._velocities[place],
            self.beta_2,
            tf.IndexedSlices(tf.square(gradient.values), gradient.indices),
        )
        change = rate * first / (tf.sqrt(second) + self.epsilon)
        variable.scatter_sub(tf.IndexedSlices(change, gradient.indices))

    @staticmethod
    def _blend(moment: tf.Variable, decay: float, news: tf.IndexedSlices) -> tf.Tensor:
        """Moves the touched rows of a moment towards the news; returns these rows."""
        rows = decay * tf.gather(moment, news.indices) + (1 - decay) * news.values
        moment.scatter_update(tf.IndexedSlices(rows, news.indices))
        return rows
