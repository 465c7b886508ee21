"""Bootstrap over sessions: intervals of means over steps, and of paired differences; NumPy only.

Steps of one session depend on each other, so whole sessions are drawn (a cluster bootstrap; Davison
and Hinkley 1997, section 3.8). A metric is a ratio of two sums over sessions, of values and of
counts, both of which are resampled. All metrics come from the same draws: the difference of two
models is paired, session by session.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from modules.array_types import FloatArray, IntArray

Interval = tuple[float, float]

# More sessions than this are split at random into this many groups, each drawn as one: equally good
# intervals (groups are as independent as sessions), at a bounded cost.
MAX_UNITS = 10_000
_DRAWS_PER_BLOCK = 64


def sampling_units(sessions: int, seed: int, max_units: int = MAX_UNITS) -> IntArray:
    """Returns the unit of each session, int64 `[sessions]`: the session itself, or its group.

    >>> sampling_units(3, seed=0).tolist(), np.bincount(sampling_units(7, 0, 3)).tolist()
    ([0, 1, 2], [3, 2, 2])
    """
    order = np.arange(sessions)
    if sessions <= max_units:
        return order
    return np.random.default_rng(seed).permutation(order) % max_units


def resampled_sums(per_unit: FloatArray, resamples: int, seed: int) -> FloatArray:
    """Draws units with replacement and sums their rows.

    Args:
      per_unit: float `[units, columns]`.
      resamples: number of draws, each of as many units as there are.
      seed: seed; draws depend on it and the number of units alone.

    Returns:
      float `[resamples, columns]`; zeros without any unit.

    >>> resampled_sums(np.ones((4, 1)), resamples=3, seed=0).ravel().tolist()
    [4.0, 4.0, 4.0]
    """
    random = np.random.default_rng(seed)
    blocks = [weights @ per_unit for weights in _weights(len(per_unit), resamples, random)]
    return np.concatenate(blocks) if blocks else np.zeros((resamples, per_unit.shape[1]))


def _weights(units: int, resamples: int, random: np.random.Generator) -> Iterator[FloatArray]:
    """Yields how often each unit was drawn, float `[draws, units]`."""
    if not units:
        return
    for start in range(0, resamples, _DRAWS_PER_BLOCK):
        draws = min(_DRAWS_PER_BLOCK, resamples - start)
        drawn = random.integers(0, units, (draws, units)) + np.arange(draws)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=draws * units)
        yield counts.reshape(draws, units).astype(np.float64)


def ratios(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FloatArray:
    """Divides; NaN where the denominator is 0.

    >>> ratios([1.0, 0.0], [2.0, 0.0]).tolist()
    [0.5, nan]
    """
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    result = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def percentile_interval(values: FloatArray, confidence: float) -> Interval | None:
    """Returns the two-sided percentile interval of finite resampled values, None without any.

    >>> percentile_interval(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)
