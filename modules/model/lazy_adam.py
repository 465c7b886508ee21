"""Adam that updates only the table rows of a batch, with an equally lazy average of weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

# Lower bound of the factor of the lags: stored values stay below a million changes.
_LEAST_SCALE = 1e-6


class LazyAdam(tf.keras.optimizers.Adam):
    """Adam (Kingma and Ba, 2015) whose moments of a table row change only when the row is used.

    Keras's Adam passes over all rows of both moments and of the table in every step, which takes
    most of a step's time if the catalogue is large and a batch uses a few thousand rows. The name
    and the rule are those of TensorFlow Addons' optimizer, which is no longer maintained.

    `use_ema` averages weights as Keras's optimizers do, to rounding errors, but only in the rows of
    a batch. For each weight it keeps how far the average lags behind: a change of the weight adds
    to the lag, and every step multiplies the lag by `ema_momentum`. That factor is the same for all
    rows, so it is not written to them, but divides what is added.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        **options: Any,
    ) -> None:
        """Makes the optimizer.

        Args:
          learning_rate: learning rate of Adam.
          use_ema: whether `finalize_variable_values` replaces weights by their averages.
          ema_momentum: share of an average that a step keeps, between 0 and 1, both excluded.
          **options: further arguments of Keras's Adam.
        """
        super().__init__(learning_rate, **options)
        self._decay = ema_momentum if use_ema else 0.0  # 0 for no averages
        if use_ema:
            # Steps until the factor gets so small that it must be written to all rows.
            self._period = max(1, int(math.log(_LEAST_SCALE) / math.log(ema_momentum)))

    def build(self, var_list: list[tf.Variable]) -> None:
        """Adds both moments of every weight, and the lag of its average."""
        super().build(var_list)
        if self._decay and not hasattr(self, "_lags"):
            self._lags = [self.add_variable_from_reference(weight, "lag") for weight in var_list]

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates one variable.

        Args:
          gradient: dense, or of some rows, each once (Keras sums duplicates before).
          variable: one of the weights that `build` was called with.
        """
        if isinstance(gradient, tf.IndexedSlices):
            change = self._change_of_rows(gradient, variable)
            variable.scatter_sub(change)
        else:
            before = tf.convert_to_tensor(variable)
            super().update_step(gradient, variable)
            change = before - variable
        if self._decay:
            self._fall_behind(change, self._lags[self._place(variable)])

    def finalize_variable_values(self, var_list: Iterable[tf.Variable]) -> None:
        """Replaces the weights by their averages, if there are any."""
        if not self._decay:
            return
        scale = self._scale(self.iterations - 1) * self._decay
        for variable in var_list:
            lag = self._lags[self._place(variable)]
            variable.assign_add(tf.cast(scale, lag.dtype) * lag)

    def _place(self, variable: tf.Variable) -> int:
        return self._index_dict[self._var_key(variable)]

    def _change_of_rows(
        self, gradient: tf.IndexedSlices, variable: tf.Variable
    ) -> tf.IndexedSlices:
        step = tf.cast(self.iterations + 1, variable.dtype)
        correction = tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        rate = tf.cast(self.learning_rate, variable.dtype) * correction
        place = self._place(variable)
        first = self._blend(self._momentums[place], self.beta_1, gradient)
        second = self._blend(
            self._velocities[place],
            self.beta_2,
            tf.IndexedSlices(tf.square(gradient.values), gradient.indices),
        )
        change = rate * first / (tf.sqrt(second) + self.epsilon)
        return tf.IndexedSlices(change, gradient.indices)

    def _fall_behind(self, change: tf.Tensor | tf.IndexedSlices, lag: tf.Variable) -> None:
        """Adds the change of a weight to the lag of its average."""
        begins = tf.equal(self.iterations % self._period, 0)
        factor = self._decay**self._period
        scale = tf.cast(self._scale(self.iterations), lag.dtype)
        if not isinstance(change, tf.IndexedSlices):
            # A factor in every step: a condition for each weight would be slow to trace.
            kept = tf.cast(tf.where(begins, factor, 1.0), lag.dtype)
            lag.assign(lag * kept + change / scale)
            return

        def write_factor() -> tf.Tensor:
            lag.assign(lag * factor)
            return begins

        tf.cond(begins, write_factor, lambda: begins)
        lag.scatter_add(tf.IndexedSlices(change.values / scale, change.indices))

    def _scale(self, steps: tf.Tensor) -> tf.Tensor:
        """Returns the factor of the stored lags after some steps, float32 scalar."""
        return tf.constant(self._decay) ** tf.cast(steps % self._period, tf.float32)

    @staticmethod
    def _blend(moment: tf.Variable, decay: float, news: tf.IndexedSlices) -> tf.Tensor:
        """Updates the rows of a moment that have new values, and returns them."""
        rows = decay * tf.gather(moment, news.indices) + (1 - decay) * news.values
        moment.scatter_update(tf.IndexedSlices(rows, news.indices))
        return rows
