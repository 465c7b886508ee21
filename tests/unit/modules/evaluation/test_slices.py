import math

import numpy as np
import pytest

from modules.evaluation import slices
from modules.evaluation.metric_names import evaluator_names
from modules.evaluation.slice_names import slice_names

BOUNDS = {"context_length": (1,), "target_count": (0, 5)}
# Two sessions of three and one steps: rank, known, context length, target count, known rank.
ROWS = [
    np.array([[4, 200, 2], [1, 0, 1], [1, 1, 2], [3, 0, 9], [4, 200, 1]]),
    np.array([[10], [1], [2], [0], [10]]),
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
    assert values["honest/all/mrr@20/context_length=2.."] == pytest.approx((1 / 2 + 0.1) / 2)
    assert values["known/all/n/target_count=0"] == 1
    assert values["known/last/recall@1"] == 0.5


def test_padding_falls_into_no_slice():
    padded = [np.pad(row, ((0, 0), (0, 4))) for row in ROWS]
    expected = slices.count_steps(ROWS, BOUNDS)
    for found, wanted in zip(slices.count_steps(padded, BOUNDS), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_outputs_are_taken_by_name_and_the_rank_of_the_known_view_may_be_missing():
    outputs = {"target_count": 3, "other": 5, "rank": 7, "context_length": 2, "known": 1}
    found = slices.step_outputs(outputs)
    assert tuple(found) == slices.STEP_OUTPUTS
    assert list(found.values()) == [7, 1, 2, 3, 7]
    assert slices.step_outputs({**outputs, "known_rank": 6})["known_rank"] == 6
    with pytest.raises(ValueError, match=r"must return rank, .*; known missing among"):
        slices.step_outputs({name: outputs[name] for name in outputs if name != "known"})


def test_no_session_gives_no_step():
    values = slices.metric_values(slices.count_steps([], BOUNDS), BOUNDS)
    assert values["honest/all/n"] == 0
    assert math.isnan(values["honest/all/recall@20/target_count=0"])
    assert set(values) == set(evaluator_names(BOUNDS))
