"""The checks of the approximate index, from measurements to words."""

from __future__ import annotations

import dataclasses
import doctest
from typing import Any

import numpy as np
import pytest

from components.index_builder import checks as index_checks
from components.index_builder.checks import check_index, measure, recall
from components.index_builder.node import summary
from modules.config.options.index import IndexOptions

EXACT = {"item_ids": [["a", "b"], ["c", "d"]], "scores": [[2.0, 1.0], [2.0, 1.0]]}
FOUND = {"item_ids": [["a", "b"], ["c", "e"]], "scores": [[2.0, 1.0], [2.0, 0.5]]}


def _times(exact: list[float], approximate: list[float]) -> dict[str, Any]:
    times = {"exact": exact, "approximate": approximate}
    return {"milliseconds": times, "cpu_milliseconds": times, "delay": 1.0}


def _answers(**changes: Any) -> dict[str, Any]:
    return {
        "exact": EXACT,
        "approximate": FOUND,
        "as_examples": FOUND,
        "fallback": {"item_ids": [["a", "b"]], "scores": [[0.0, -1.0]]},
        "times": _times([4.0] * 100, [1.0] * 100),
        "modules": ["tensorflow"],
        **changes,
    }


def _failed(answers: dict[str, Any], **options: Any) -> dict[str, str]:
    chosen = dataclasses.replace(IndexOptions(min_recall=0.7), **options)
    checks = check_index(answers, measure(answers), chosen)
    return {check.name: check.reason for check in checks if not check.passed}


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(index_checks)
    assert result.attempted and not result.failed


def test_recall_counts_items_whatever_their_order() -> None:
    assert recall([["a", "b"], ["c", "d"]], [["b", "a"], ["c", "x"]], 100) == 0.75


def test_recall_of_a_catalogue_smaller_than_the_cutoff() -> None:
    """Empty ids fill rows where fewer items are recommendable; they do not count."""
    assert recall([["a", "b", "", ""]], [["b", "a", "", ""]], 100) == 1.0
    assert recall([["a", "b", "", ""]], [["b", "", "", ""]], 100) == 0.5
    assert np.isnan(recall([[""]], [[""]], 100))


def test_measurements_of_both_indexes() -> None:
    measured = measure(_answers())
    assert measured["recall@100"] == 0.75 and measured["sessions"] == 2
    assert measured["exact"] == {"p50_ms": 4.0, "p99_ms": 4.0}
    assert measured["approximate"] == {"p50_ms": 1.0, "p99_ms": 1.0}


def test_a_good_index_passes() -> None:
    assert _failed(_answers()) == {}


@pytest.mark.parametrize(
    ("options", "check", "words"),
    [
        ({"min_recall": 0.8}, "recall@100", "0.7500 of the exact answers"),
        ({"max_p99_ms": 0.5}, "p99 latency", "at most 0.5"),
        ({"max_p99_ratio": 0.1}, "p99 ratio", "0.1 times the exact index's 4.00 ms"),
    ],
)
def test_what_misses_a_limit_fails_and_says_so(
    options: dict[str, float], check: str, words: str
) -> None:
    failed = _failed(_answers(), **options)
    assert list(failed) == [check] and words in failed[check]


def test_limits_that_are_switched_off_refuse_nothing() -> None:
    slow = _answers(times=_times([1.0], [99.0]))
    assert list(_failed(slow)) == ["p99 ratio"]
    assert _failed(slow, max_p99_ratio=None) == {}


def test_on_a_busy_machine_cpu_times_are_compared() -> None:
    times = {**_times([1.0], [99.0]), "delay": 5.0}
    times["cpu_milliseconds"] = {"exact": [1.0], "approximate": [0.9]}
    assert _failed(_answers(times=times)) == {}
    assert "p99 ratio" in _failed(_answers(times={**times, "delay": 1.0}))


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"modules": ["tensorflow", "tfx"]}, "loads"),
        ({"as_examples": EXACT}, "examples"),
        ({"fallback": {"item_ids": [["a"]], "scores": [[0.0]]}}, "form"),
    ],
)
def test_an_index_that_answers_badly_fails(changes: dict[str, Any], check: str) -> None:
    assert list(_failed(_answers(**changes))) == [check]


def test_the_log_names_measurements_and_failed_checks() -> None:
    answers = _answers()
    measured = measure(answers)
    checks = check_index(answers, measured, IndexOptions())
    verdict = {
        "passed": False,
        "figures": measured,
        "checks": [check.as_json() for check in checks],
    }
    line = summary(verdict)
    assert "it is not pushed; recall@100 0.7500 over 2 sessions" in line
    assert "exact 4.00 / 4.00 ms, approximate 1.00 / 1.00 ms" in line
    assert "\n  recall@100: 0.7500" in line and "raise index.rerank_depth" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "hnsw"}, "kind must be one of none, pq, got 'hnsw'"),
        ({"rerank_depth": 99}, "rerank_depth must be between 100"),
        ({"min_recall": 1.5}, "min_recall must be between 0 and 1"),
        ({"dimensions_per_code": 0}, "dimensions_per_code must be between 1"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], words: str) -> None:
    (problem,) = dataclasses.replace(IndexOptions(), **options).problems()
    assert words in problem
