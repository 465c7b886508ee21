"""Names of step slices: a feature of the step, and an inclusive range of it.

Such as `context_length=3..5`, `target_count=0`, `target_count=51..`. Items that training did not
see have no age, and a slice of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

ITEM_AGE = "item_age"
NEW_ITEM = f"{ITEM_AGE}=new"

# Events of a session: the session slices of Evaluator and gate.
SESSION_LENGTH_BOUNDS = (1, 2, 3, 5, 10)

Bounds = Mapping[str, Sequence[int]]
"""Inclusive upper bounds of the slices by feature."""


def range_names(bounds: Sequence[int]) -> list[str]:
    """Returns the names of the ranges from 0 with inclusive upper `bounds`.

    >>> range_names((1, 2, 5))
    ['0..1', '2', '3..5', '6..']
    """
    lows = [0, *(bound + 1 for bound in bounds)]
    names = [
        f"{low}" if low == high else f"{low}..{high}"
        for low, high in zip(lows, bounds, strict=False)
    ]
    return [*names, f"{lows[-1]}.."]


def bucket_names(feature: str, bounds: Sequence[int]) -> list[str]:
    """Returns the names of a feature's slices with inclusive upper `bounds`.

    Raises:
      ValueError: the bounds do not rise from 0 or more.

    >>> bucket_names("target_count", (0, 2, 10))
    ['target_count=0', 'target_count=1..2', 'target_count=3..10', 'target_count=11..']
    """
    if any(low >= high for low, high in itertools.pairwise([-1, *bounds])):
        raise ValueError(f"{feature}_buckets must rise from 0 or more, got {list(bounds)}")
    return [f"{feature}={name}" for name in range_names(bounds)]


def slice_names(bounds: Bounds) -> list[str]:
    """Returns the names of all slices, feature by feature; new items last, if ages have slices.

    >>> slice_names({"item_age": (1, 7)})
    ['item_age=0..1', 'item_age=2..7', 'item_age=8..', 'item_age=new']
    """
    names = [name for feature in bounds for name in bucket_names(feature, bounds[feature])]
    return [*names, NEW_ITEM] if ITEM_AGE in bounds else names
