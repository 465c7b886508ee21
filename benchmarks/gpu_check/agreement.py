"""Compares devices: one step in each precision, and training on one device and on several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip
from modules.config.options.model import ModelOptions  # isort: skip
from modules.config.options.trainer import TrainerOptions  # isort: skip
from modules.data.item_indices import FIRST_ITEM, PADDING  # isort: skip
from modules.model import cooccurrence_neighbors  # isort: skip
from modules.model.two_tower import TwoTower  # isort: skip

STEPS: dict[str, tuple[str, bool]] = {
    "float32": ("float32", False),
    "float32 with TensorFloat-32": ("float32", True),
    "mixed_bfloat16": ("mixed_bfloat16", True),
    "mixed_float16": ("mixed_float16", True),
}
"""Precision of the steps that are compared, and whether products of float32 may be rounded."""
_LOSS_SCALE = 1024.0  # float16 gradients would vanish
_ITEMS, _WINDOWS, _LENGTH = 300, 96, 12  # of the steps that are compared


def steps(device: str) -> dict[str, dict[str, float]]:
    """Compares a step on a device with one in float32 on the CPU: `STEPS`.

    Returns:
      For each of `STEPS` the relative errors of query vectors, loss and the worst gradient.
    """
    reference = one_step("CPU:0", "float32")
    found = {}
    for name, (precision, rounded) in STEPS.items():
        tf.config.experimental.enable_tensor_float_32_execution(rounded)
        found[name] = relative_errors(one_step(device, precision), reference)
    return found


def one_step(device: str, precision: str) -> dict[str, npt.NDArray[np.float32]]:
    """Returns query vectors, loss and all gradients of a step of the full softmax, by name.

    Weights and windows are the same in every call, and nothing is dropped.

    Args:
      device: such as `GPU:0`.
      precision: one of those of `TrainerOptions`.
    """
    windows = _draw_windows()
    inputs = tuple(map(tf.constant, (windows[:, :-1], windows[:, 1:])))
    with tf.device(device):
        model = _model(windows, precision)
        model.query_tower(inputs[0])
        draw = np.random.default_rng(1)
        for weight in model.trainable_variables:
            weight.assign(draw.normal(0.0, 0.3, weight.shape).astype(np.float32))

        @tf.function
        def step(context: tf.Tensor, target: tf.Tensor) -> tuple[Any, ...]:
            with tf.GradientTape() as tape:
                loss = model.compute_loss((context, target), training=True)
                scaled = loss * _LOSS_SCALE
            gradients = tape.gradient(scaled, model.trainable_variables)
            dense = [tf.convert_to_tensor(gradient) / _LOSS_SCALE for gradient in gradients]
            return model.query_tower(context), loss, *dense

        queries, loss, *gradients = (value.numpy() for value in step(*inputs))
    # Steps of padding have arbitrary vectors.
    found = {"queries": queries[windows[:, 1:] > 0], "loss": loss}
    names = (f"gradient {number}" for number in range(len(gradients)))
    return found | dict(zip(names, gradients, strict=True))


def relative_errors(
    found: Mapping[str, npt.NDArray[Any]], expected: Mapping[str, npt.NDArray[Any]]
) -> dict[str, float]:
    """Returns the relative errors of query vectors, loss and the worst gradient.

    An error is the norm of the difference by the norm of what is expected.
    """
    errors = {
        name: float(np.linalg.norm(found[name] - value) / np.linalg.norm(value))
        for name, value in expected.items()
    }
    of_gradients = [error for name, error in errors.items() if name.startswith("gradient")]
    return {name: errors[name] for name in ("queries", "loss")} | {
        "gradients": float(np.max(of_gradients))  # NaN if one is
    }


def _draw_windows() -> npt.NDArray[np.int32]:
    draw = np.random.default_rng(0)
    items = draw.integers(FIRST_ITEM, FIRST_ITEM + _ITEMS, [_WINDOWS, _LENGTH])
    inside = np.arange(_LENGTH) < draw.integers(2, _LENGTH + 1, [_WINDOWS, 1])
    return np.where(inside, items, 0).astype(np.int32)


def _model(windows: npt.NDArray[np.int32], precision: str, **trainer: Any) -> TwoTower:
    """Returns an untrained model of all items that does not draw anything while it is trained."""
    indices = _ITEMS + FIRST_ITEM
    counts = np.bincount(windows.ravel(), minlength=indices) + 1
    counts[:FIRST_ITEM] = 0
    together = cooccurrence_neighbors.cooccurrences(
        [(windows[windows != PADDING], np.count_nonzero(windows, axis=1))], indices
    )
    neighbors = cooccurrence_neighbors.nearest_neighbors(together, 4)
    model = ModelOptions(embedding_dropout=0.0, output_dropout=0.0, **trainer)
    options = TrainerOptions(loss="full", precision=precision)
    return TwoTower(tf.constant(counts), model, options, neighbors)


# Several GPUs -------------------------------------------------------------------------------------


def replicas(devices: Sequence[str]) -> dict[str, Any]:
    """Trains on one device, and on several as the Trainer does, on the same global batches.

    Returns:
      The loss of each of three epochs, `one` and `several`.
    """
    tf.config.experimental.enable_tensor_float_32_execution(False)
    return {"one": _losses(devices[:1]), "several": _losses(devices), "devices": len(devices)}


def _losses(devices: Sequence[str]) -> list[float]:
    windows = _draw_windows()
    batches = tf.data.Dataset.from_tensor_slices((windows[:, :-1], windows[:, 1:])).batch(24)
    tf.keras.utils.set_random_seed(1)
    with tf.distribute.MirroredStrategy(devices).scope():
        # One member: those of several get other windows on another number of devices.
        model = _model(windows, "float32", ensemble_size=1)
        model.compile(tf.keras.optimizers.Adam(0.01, jit_compile=False))
    losses = model.fit(batches, epochs=3, verbose=0).history["mean_loss"]
    return [float(loss) for loss in losses]
