"""The trained model of made-up sessions that other benchmarks measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.common import learned_model
from modules.config.options.model import ModelOptions


def test_a_model_learns_from_padded_sessions(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sessions = random.integers(0, 50, (200, 6))
    sessions[np.arange(6) >= random.integers(2, 7, (200, 1))] = -10  # padding
    counts = np.full(50, 10, np.int64)
    shape = ModelOptions(ensemble_size=1, gru_units=0)
    cache = tmp_path / "weights.npz"
    trained, loaded = (learned_model._trained(50, shape, cache, sessions, counts) for _ in range(2))
    assert cache.is_file()
    for one, other in zip(trained.query_tower.weights, loaded.query_tower.weights, strict=True):
        np.testing.assert_array_equal(one, other)
