"""Percentiles of how long requests took: the one rule that all figures of latency go by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PERCENTILES = {"p50_ms": 50, "p99_ms": 99}


def percentiles(milliseconds: Sequence[float]) -> dict[str, float | None]:
    """Returns the 50th and the 99th percentile, interpolated linearly.

    Both are None where nothing was timed.

    >>> percentiles([0.0, 100.0])
    {'p50_ms': 50.0, 'p99_ms': 99.0}
    >>> percentiles([])
    {'p50_ms': None, 'p99_ms': None}
    """
    if not len(milliseconds):
        return dict.fromkeys(PERCENTILES)
    values = np.percentile(milliseconds, list(PERCENTILES.values()), method="linear")
    return dict(zip(PERCENTILES, map(float, values), strict=True))
