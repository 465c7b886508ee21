"""Training in step on two virtual CPU devices, in the place of two GPUs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
CODE = textwrap.dedent(
    """
    import json, sys
    import numpy as np
    import modules
    import tensorflow as tf
    from modules.config.options.model import ModelOptions
    from modules.config.options.trainer import TrainerOptions
    from modules.model.two_tower import TwoTower

    cpu, = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    random = np.random.default_rng(3)
    length = random.integers(1, 7, [60, 1])
    inside = np.arange(6) < length
    windows = [np.where(inside, random.integers(2, 40, [60, 6]), 0).astype(np.int32) for _ in "ct"]
    counts = np.bincount(np.concatenate(windows).ravel(), minlength=40) * (np.arange(40) > 1)

    weights = np.where(windows[1] % 3, 1.0, 4.0).astype(np.float32)

    # One per number of devices: two would number their messages alike.
    strategies = {n: tf.distribute.MirroredStrategy([f"CPU:{d}" for d in range(n)]) for n in (1, 2)}

    def fit(devices, weighted=False, **options):
        # 15 windows: the replicas get 8 and 7, with another number of targets each. 8 is even, so
        # that members get the same windows as on one device.
        parts = (*windows, weights) if weighted else tuple(windows)
        batches = tf.data.Dataset.from_tensor_slices(parts).batch(15)
        tf.keras.utils.set_random_seed(1)
        with strategies[devices].scope():
            model = TwoTower(
                tf.constant(counts),
                ModelOptions(2, 12, 12, embedding_dropout=0.0, output_dropout=0.0),
                TrainerOptions(**options),
            )
            model.compile(tf.keras.optimizers.Adam(0.01))
        history = model.fit(batches, epochs=3, verbose=0).history
        return {"loss": history["mean_loss"], "targets": history["targets"]}

    options = json.loads(sys.argv[1])
    print(json.dumps([
        [fit(devices, weighted, **options) for devices in (1, 2)]
        for weighted in (False, True)
    ]))
    """
)


def _fits(**options: object) -> list[list[dict[str, list[float]]]]:
    """Returns the history on one device and on two, without weights of targets and with them."""
    output = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(options)],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    ).stdout
    return json.loads(output.splitlines()[-1])


def test_two_devices_train_as_one_on_the_same_global_batches() -> None:
    """Full softmax and no dropout: nothing is drawn that could differ."""
    plain, weighted = _fits(loss="full")
    assert plain[0]["loss"] != pytest.approx(weighted[0]["loss"], rel=1e-3)
    for one, two in (plain, weighted):
        _check_alike(one, two)


def _check_alike(one: dict[str, list[float]], two: dict[str, list[float]]) -> None:
    assert one["targets"] == two["targets"]
    assert one["loss"][-1] < one["loss"][0] * 0.97
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
