"""Rarefaction: how many distinct items a smaller number of prefixes would show; NumPy only.

The number of distinct recommended items grows with the number of prefixes. At a fixed number, days
and models can be compared, whatever their traffic.
"""

from __future__ import annotations

import numpy as np

from modules.array_types import IntArray


def expected_distinct(counts: IntArray, drawn: int, prefixes: int) -> float:
    """Returns the expected number of distinct items in some prefixes, drawn without replacement.

    An item that `c` of `N` prefixes show is missing in `n` of them with the hypergeometric
    probability C(N - c, n) / C(N, n). Equation 3 in Hurlbert (1971), "The nonconcept of species
    diversity".

    Args:
      counts: number of prefixes that show each item, int `[items]`.
      drawn: number n of prefixes that are drawn, at most `prefixes`.
      prefixes: number N of all prefixes.

    >>> counts = np.array([3, 1, 0])  # 3 prefixes: 2 of them miss the second item once in 3 draws
    >>> [round(expected_distinct(counts, drawn, 3), 6) for drawn in (1, 2, 3)]
    [1.333333, 1.666667, 2.0]
    """
    shown, items = np.unique(counts[counts > 0], return_counts=True)
    missing = [_probability_of_none(count, drawn, prefixes) for count in shown.tolist()]
    return float(items @ (1 - np.array(missing)))


def _probability_of_none(count: int, drawn: int, prefixes: int) -> float:
    """Returns C(N - c, n) / C(N, n); sums of logarithms keep large numbers exact."""
    if count + drawn > prefixes:
        return 0.0
    fewer, more = sorted((count, drawn))  # the formula is symmetric in both
    return float(np.exp(np.log1p(-more / (prefixes - np.arange(fewer))).sum()))
