"""The percentiles of request times, and limits on a busy machine."""

from __future__ import annotations

import doctest

import pytest

from modules.serving import latency
from modules.serving.latency import Latency


def _latency(wall: float, cpu: float, delay: float) -> Latency:
    times = {"milliseconds": {"m": [wall]}, "cpu_milliseconds": {"m": [cpu]}, "delay": delay}
    return Latency.of(times, "m")


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(latency)
    assert result.attempted and not result.failed


@pytest.mark.parametrize(
    ("wall", "cpu", "delay", "meets"),
    [
        (9, 9, 1, True),
        (9, 40, 1, True),  # many threads
        (40, 9, 5, True),  # the machine was busy
        (40, 9, 1.1, False),  # it waits for something else
        (40, 30, 5, False),
    ],
)
def test_on_a_busy_machine_the_cpu_time_may_meet_a_limit(
    wall: float, cpu: float, delay: float, meets: bool
) -> None:
    assert _latency(wall, cpu, delay).meets("p50_ms", 25) == meets


@pytest.mark.parametrize(
    ("one", "keeps_up"),
    [
        ((15, 15, 1), True),
        ((15.2, 15, 1), False),
        ((40, 15, 5), True),
        ((40, 16, 5), False),
    ],
)
def test_models_are_compared_by_the_same_rule(
    one: tuple[float, float, float], keeps_up: bool
) -> None:
    other = _latency(10, 10, one[2])
    assert _latency(*one).keeps_up("p99_ms", other, 1.4, slack=1.1) == keeps_up
