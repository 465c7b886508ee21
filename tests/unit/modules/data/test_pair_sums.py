"""Sums of pairs against a dictionary of them."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from modules.data import pair_sums
from modules.data.pair_sums import PairSums


@pytest.mark.parametrize("waiting", [0, 40, 10**6])
@pytest.mark.parametrize(("dtype", "terms"), [(np.float64, [0.1, 1 / 3]), (np.int64, [7, 3])])
def test_sums_are_those_of_a_dictionary_to_the_last_digit(
    waiting: int, dtype: type, terms: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal terms of a call are summed first, then calls in their order."""
    monkeypatch.setattr(pair_sums, "_WAITING_TERMS", waiting)
    random = np.random.default_rng(0)
    sums, expected = PairSums(6, dtype), defaultdict(dtype)
    for call in range(30):
        pairs, term = random.integers(0, 36, random.integers(0, 90)), terms[call % 2]
        sums.add(pairs, term)
        of_call: dict[int, float] = defaultdict(dtype)
        for pair in pairs.tolist():
            of_call[pair] += term
        for pair, found in of_call.items():
            expected[pair] += found

    matrix = sums.into_matrix()

    assert matrix.dtype == dtype and matrix.has_canonical_format
    rows, columns = matrix.nonzero()
    found = dict(zip((rows * 6 + columns).tolist(), matrix.data.tolist(), strict=True))
    assert found == expected
    assert sums.into_matrix().nnz == 0


def test_no_pair() -> None:
    sums = PairSums(3, np.float64)
    sums.add(np.zeros(0, np.int64), 1.0)

    assert sums.into_matrix().toarray().tolist() == [[0.0] * 3] * 3
