import math

import numpy as np
import pytest

from modules.evaluation import slices
from modules.evaluation.metric_names import evaluator_names
from modules.evaluation.slice_names import slice_names

BOUNDS = {"context_length": (1,), "target_count": (0, 5)}
# Two sessions of three and one steps: rank, known, context length, target count.
ROWS = [
    np.array([[4, 200, 1], [1, 0, 1], [1, 1, 2], [3, 0, 9]]),
    np.array([[10], [1], [2], [0]]),
]


def test_each_step_falls_into_one_slice_of_each_output():
    _, sliced = slices.count_steps(ROWS, BOUNDS)
    names = slice_names(BOUNDS)
    honest = dict(zip(names, sliced[:, 0].sum(axis=-1).tolist(), strict=True))
    assert honest == {
        "context_length=0..1": 2,
        "context_length=2..": 2,
        "target_count=0": 2,
        "target_count=1..5": 1,
        "target_count=6..": 1,
    }


def test_metrics_of_a_slice_by_hand():
    values = slices.metric_values(slices.count_steps(ROWS, BOUNDS), BOUNDS)
    assert values["honest/all/recall@20/context_length=0..1"] == 0.5
    assert values["known/all/mrr@20/context_length=0..1"] == 0.25
    assert values["known/all/mrr@20/context_length=2.."] == pytest.approx((1 + 0.1) / 2)
    assert values["known/all/n/target_count=0"] == 1
    assert values["known/last/recall@1"] == 0.5


def test_padding_falls_into_no_slice():
    padded = [np.pad(row, ((0, 0), (0, 4))) for row in ROWS]
    expected = slices.count_steps(ROWS, BOUNDS)
    for found, wanted in zip(slices.count_steps(padded, BOUNDS), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_no_session_gives_no_step():
    values = slices.metric_values(slices.count_steps([], BOUNDS), BOUNDS)
    assert values["honest/all/n"] == 0
    assert math.isnan(values["honest/all/recall@20/target_count=0"])
    assert set(values) == set(evaluator_names(BOUNDS))
