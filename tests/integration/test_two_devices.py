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

    def fit(devices, **options):
        # 15 windows: the replicas get 8 and 7, with another number of targets each. 8 is even, so
        # that members get the same windows as on one device.
        batches = tf.data.Dataset.from_tensor_slices(tuple(windows)).batch(15)
        tf.keras.utils.set_random_seed(1)
        with tf.distribute.MirroredStrategy(devices).scope():
            model = TwoTower(
                tf.constant(counts),
                ModelOptions(2, 12, 12, embedding_dropout=0.0, output_dropout=0.0),
                TrainerOptions(**options),
            )
            model.compile(tf.keras.optimizers.Adam(0.01))
        history = model.fit(batches, epochs=3, verbose=0).history
        return {"loss": history["mean_loss"], "targets": history["targets"]}

    options = json.loads(sys.argv[1])
    print(json.dumps([fit(["CPU:0"], **options), fit(["CPU:0", "CPU:1"], **options)]))
    """
)


def _fits(**options: object) -> list[dict[str, list[float]]]:
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
    one, two = _fits(loss="full")
    assert one["targets"] == two["targets"]
    assert one["loss"][-1] < one["loss"][0] * 0.97
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
