from __future__ import annotations

import dataclasses

import pytest

from modules.config.options.sessions import SessionOptions


def test_the_defaults_can_be_used():
    assert SessionOptions().problems() == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("session_column", ["", "  ", None, 3, "ItemId"]),
        ("item_column", ["", "Time"]),
        ("time_column", ["", "ItemId"]),
        ("delimiter", ["", "ab", '"', "\n", "é", 1]),
        ("time_unit", ["minutes", None]),
        ("drop_immediate_repeats", ["yes", 1, None]),
        ("min_session_length", [0, -1, 2.0, None, True, "2"]),
        ("max_session_length", [0, 1, 2.5, True, "9"]),
        ("sample_fraction", [0, -0.1, 1.1, None, "1", True, float("nan")]),
        ("eval_fraction", [0, 1, 1.5, None, "0.1"]),
        ("eval_hours", [0, -1, "24", True, float("inf")]),
        ("max_reject_fraction", [-0.01, 1.01, None, "1%"]),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name, values):
    for value in values:
        problems = SessionOptions(**{name: value}).problems()
        assert any(
            message.startswith(f"{name} must be ") and message.endswith(f", got {value!r}")
            for message in problems
        ), (name, value, problems)


def test_all_problems_are_reported_at_once():
    options = SessionOptions(time_unit="days", sample_fraction=0, eval_hours=-1)
    assert options.problems() == [
        "time_unit must be one of auto, milliseconds, seconds, microseconds, nanoseconds, iso8601, "
        "got 'days'",
        "sample_fraction must be above 0 and at most 1, got 0",
        "eval_hours must be above 0 and at most 1000000, got -1",
    ]


def test_options_are_the_agreed_ones():
    assert dataclasses.asdict(SessionOptions()) == {
        "session_column": "SessionId",
        "item_column": "ItemId",
        "time_column": "Time",
        "delimiter": None,
        "quoting": "auto",
        "time_unit": "auto",
        "drop_immediate_repeats": False,
        "min_session_length": 2,
        "max_session_length": None,
        "sample_fraction": 1.0,
        "eval_fraction": 0.15,
        "eval_hours": None,
        "max_reject_fraction": 0.01,
    }
