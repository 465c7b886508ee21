"""Percentiles of request times: the one rule for all latencies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PERCENTILES = {"p50_ms": 50, "p99_ms": 99}


def percentiles(milliseconds: npt.ArrayLike) -> dict[str, float]:
    """Returns the 50th and the 99th percentile of at least one time, interpolated linearly.

    >>> percentiles([0.0, 100.0])
    {'p50_ms': 50.0, 'p99_ms': 99.0}
    """
    times = np.asarray(milliseconds, np.float64)
    values = np.percentile(times, list(PERCENTILES.values()), method="linear")
    return dict(zip(PERCENTILES, map(float, values), strict=True))
