"""Makes the shop of the bundled sample: families, categories, links, and each day's popularity.

`generate.py` says how the sample is made, why it is fair, and why it is the same everywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import sqrt

import numpy as np

TRAIN_DAYS = 10
TEST_DAYS = 4


def running_totals(weights: Sequence[int]) -> list[int]:
    """Returns the running totals of weights, as `Draws.position` takes them."""
    return list(accumulate(weights))


_DAYS = TRAIN_DAYS + TEST_DAYS

# The shop grows with the sample, so that a large sample is no denser than the default one.
_ITEMS_PER_THOUSAND_SESSIONS = 1_050
_FAMILY_SIZES = (2, 3, 3, 4, 4, 5, 6, 8, 10, 14, 20)
_FAMILIES_PER_CATEGORY = 12
_RANK_SHIFT = 10  # flattens the head: the best item has about 0.4 % of all events
_LATE_ITEMS = 400  # of 1,000 enter the shop after the first day
_NOVELTY_DAYS, _NOVELTY_BOOST = 3, 3

# Links of an item: how readily each is followed, and how many (of 1,000) lead to an item of its
# family, of its category, or anywhere.
LINK_TOTALS = running_totals((16, 8, 5, 3, 2, 1, 1))
_LINK_TARGET_TOTALS = running_totals((700, 200, 100))


@dataclass(frozen=True)
class Shop:
    """The catalogue, numbered so that each family, and each category, is a range."""

    item_ids: list[str]
    family: list[tuple[int, int]]  # per item: first item of its family, and the end
    category: list[tuple[int, int]]
    entry_day: list[int]  # 0: there from the start
    popularity: list[list[int]]  # per day: running totals of the items' weights
    links: list[list[int]]


class Draws:
    """Draws integers from the raw PCG64 stream, the only source of randomness."""

    def __init__(self, seed: int) -> None:
        """Starts the stream of a seed."""
        self._words = self._stream(np.random.PCG64(seed))

    @staticmethod
    def _stream(bits: np.random.PCG64) -> Iterator[int]:
        while True:
            yield from bits.random_raw(65_536).tolist()

    def below(self, bound: int) -> int:
        """Returns an integer in [0, bound)."""
        return (next(self._words) >> 11) * bound >> 53

    def fraction(self) -> float:
        """Returns a number in (0, 1]."""
        return ((next(self._words) >> 11) + 1) * 2.0**-53

    def chance(self, per_thousand: int) -> bool:
        """Returns True in `per_thousand` of 1,000 cases."""
        return self.below(1000) < per_thousand

    def position(self, totals: Sequence[int], first: int = 0, end: int | None = None) -> int:
        """Returns a position in [first, end), by the weights whose running totals are given."""
        end = len(totals) if end is None else end
        before = totals[first - 1] if first else 0
        return bisect_right(totals, before + self.below(totals[end - 1] - before), first, end)

    def permutation(self, size: int) -> list[int]:
        """Returns 0 to size - 1 in random order (Fisher and Yates)."""
        order = list(range(size))
        for last in range(size - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order


def build_shop(draws: Draws, sessions: int) -> Shop:
    """Makes the shop for a number of sessions: about 1.05 items each, two of five of them late."""
    ends = [0]
    while ends[-1] * 1000 < sessions * _ITEMS_PER_THOUSAND_SESSIONS:
        ends.append(ends[-1] + _FAMILY_SIZES[draws.below(len(_FAMILY_SIZES))])
    families = list(pairwise(ends))
    family, category = [], []
    for number, (first, end) in enumerate(families):
        start = number - number % _FAMILIES_PER_CATEGORY
        mates = families[start : start + _FAMILIES_PER_CATEGORY]
        family += [(first, end)] * (end - first)
        category += [(mates[0][0], mates[-1][1])] * (end - first)
    entry_day = [
        1 + draws.below(_DAYS - 1) if draws.chance(_LATE_ITEMS) else 0 for _ in range(ends[-1])
    ]
    popularity = _popularity(draws, families, entry_day)
    ranges = zip(family, category, strict=True)
    links = [_links(draws, popularity[-1], *both) for both in ranges]
    item_ids = [str(100_000 + 7 * number) for number in draws.permutation(ends[-1])]
    return Shop(item_ids, family, category, entry_day, popularity, links)


def _popularity(
    draws: Draws, families: Sequence[tuple[int, int]], entry_day: Sequence[int]
) -> list[list[int]]:
    """Returns per day the running totals of the items' weights.

    A weight is (family's rank + 10) ** -0.625 / (place in the family) x day's trend x novelty.
    """
    weights: list[list[int]] = [[] for _ in range(_DAYS)]
    ranks = draws.permutation(len(families))
    for (first, end), rank in zip(families, ranks, strict=True):
        root = sqrt(rank + _RANK_SHIFT)
        appeal = 1e6 / (root * sqrt(sqrt(root)))
        early, late = 1 + draws.below(4), 1 + draws.below(4)
        for item, place in zip(range(first, end), draws.permutation(end - first), strict=True):
            for day in range(_DAYS):
                trend = early * (_DAYS - 1 - day) + late * day
                novelty = _novelty(day, entry_day[item])
                weights[day].append(int(appeal / (place + 1) * trend * novelty))
    return [running_totals(of_day) for of_day in weights]


def _novelty(day: int, entry_day: int) -> int:
    if day < entry_day:
        return 0
    return _NOVELTY_BOOST if entry_day and day - entry_day < _NOVELTY_DAYS else 1


def _links(
    draws: Draws, totals: Sequence[int], family: tuple[int, int], category: tuple[int, int]
) -> list[int]:
    ranges = (family, category, (0, len(totals)))
    targets = (ranges[draws.position(_LINK_TARGET_TOTALS)] for _ in LINK_TOTALS)
    return [draws.position(totals, *target) for target in targets]
