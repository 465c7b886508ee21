from __future__ import annotations

import pytest

from modules.evaluation import metrics
from modules.evaluation.metric_names import evaluator_names, metric_name, overall_names


def test_names_are_those_of_the_results() -> None:
    assert set(metrics.metrics_from_ranks([[1]], [[1]])) == set(overall_names())


def test_no_name_is_given_twice() -> None:
    names = evaluator_names({"target_count": (0,), "item_age": (1, 7)})
    assert len(set(names)) == len(names) > len(overall_names())


@pytest.mark.parametrize("wrong", [("all", "all", "recall"), ("known", "all", "hits")])
def test_an_unknown_part_of_a_name_is_refused(wrong: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        metric_name(*wrong, 20)


def test_another_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be one of"):
        metric_name("known", "all", "recall", 3)
