"""The checks of ServingValidator that need no model."""

from __future__ import annotations

import doctest
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from components.index_builder import checks as index_checks
from components.serving_validator import checks
from modules.config.options.serving_validator import ServingValidatorOptions
from modules.serving import latency


def _times(*names: str, took: Sequence[float]) -> dict[str, Any]:
    times = {name: list(took) for name in names}
    return {"milliseconds": times, "cpu_milliseconds": times, "delay": 1.0}


def _latency(milliseconds: Sequence[float], **limits: float) -> list[checks.Check]:
    answers = {"times": _times("recommend", took=milliseconds)}
    answers["real"] = {"item_ids": [["a"]] * len(milliseconds)}
    options = ServingValidatorOptions(**{"max_p50_ms": None, **limits})
    return checks.latency_checks(checks.latency_of(answers), options)


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(checks)
    assert result.attempted and not result.failed


@pytest.mark.parametrize("count", [1, 2, 3, 50, 99, 100, 1000])
def test_every_node_gives_one_latency_for_the_same_times(count: int) -> None:
    """Two rules gave two medians of [1, 2, 3, 5], 3 and 2.5."""
    took = np.random.default_rng(count).gamma(2.0, 3.0, count).tolist()
    found = latency.percentiles(took)

    answers = {
        "exact": {"item_ids": [["a"]]},
        "approximate": {"item_ids": [["a"]]},
        "times": _times("exact", "approximate", took=took),
    }
    assert index_checks.measure(answers)["exact"] == found
    texts = [check.reason for check in _latency(took)]
    assert texts == [f"{found[name]:.2f} ms for one session" for name in ("p50_ms", "p99_ms")]
    assert list(found.values()) == np.percentile(took, [50, 99], method="linear").tolist()


def test_a_limit_is_compared_with_the_latency_that_is_reported() -> None:
    took = [1.0, 2.0, 3.0, 5.0]
    p50, p99 = latency.percentiles(took).values()
    assert all(check.passed for check in _latency(took, max_p50_ms=p50, max_p99_ms=p99))
    failed = [check.passed for check in _latency(took, max_p50_ms=p50 - 0.01, max_p99_ms=p99)]
    assert failed == [False, True]


def test_no_timed_session_meets_no_limit() -> None:
    first, second = _latency([], max_p50_ms=25.0)
    assert not first.passed
    assert first.reason == (
        "no session to time, at most 25: give the evaluation split sessions, or set "
        "serving.max_p50_ms=null"
    )
    assert (second.passed, second.reason) == (True, "no session to time")
