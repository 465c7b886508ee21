"""The splits of a data set, the earliest first."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

SPLITS = ("train", "eval", "test")


def split_pairs(splits: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs splits, the one that should be earlier first.

    >>> split_pairs(["test", "train"])
    [('train', 'test')]
    """
    names = set(splits)
    return list(itertools.combinations([split for split in SPLITS if split in names], 2))
