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
        ("visitor_column", ["", " ", 3, "ItemId", "Time"]),
        ("gap_minutes", [0, -1, None, "30", True, float("nan")]),
        ("drop_doubled_rows", ["yes", 1, None]),
        ("drop_clock_outliers", ["yes", 1, None]),
        ("max_events_per_day", [0, -1, 2.5, True, "9"]),
        ("max_visitor_events", [0, -1, 2.5, None, True, "9"]),
        ("event_types", [(), ["view", "view"], [""], [" view"], [3], "view"]),
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
        "visitor_column": None,
        "gap_minutes": 30.0,
        "event_column": None,
        "event_types": None,
        "time_offset_column": None,
        "columns": None,
        "layout": "rows",
        "events_column": "events",
        "event_weights": {},
        "drop_doubled_rows": True,
        "drop_clock_outliers": True,
        "max_events_per_day": None,
        "max_events_per_minute": None,
        "max_visitor_events": 1_000_000,
        "forget_file": None,
        "delimiter": None,
        "quoting": "auto",
        "time_unit": "auto",
        "drop_immediate_repeats": False,
        "min_session_length": 2,
        "min_item_support": 1,
        "max_session_length": None,
        "sample_fraction": 1.0,
        "eval_fraction": 0.15,
        "eval_hours": None,
        "max_reject_fraction": 0.01,
    }


def test_the_visitors_column_takes_the_place_of_the_sessions():
    options = SessionOptions(visitor_column="SessionId", event_column="event")
    assert options.problems() == []
    assert options.column_options() == (
        *("visitor_column", "item_column", "time_column"),
        "event_column",
    )
    assert SessionOptions().column_options() == ("session_column", "item_column", "time_column")


def test_what_is_done_to_visitors_needs_them():
    options = SessionOptions(event_column="event", event_types=("view",), max_events_per_day=9)
    assert options.problems() == [
        "max_events_per_day needs visitor_column, the column that sessions are cut from"
    ]
    for visitor in (None, "v"):
        assert SessionOptions(visitor_column=visitor, event_types=("view",)).problems() == [
            "event_types needs event_column, the column that holds them"
        ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("gap_minutes", 60.0), ("max_events_per_minute", 9), ("max_visitor_events", 9)),
        *(("drop_doubled_rows", False), ("drop_clock_outliers", False)),
    ],
)
def test_no_option_of_visitors_is_ignored_in_a_log_of_sessions(name, value):
    assert SessionOptions(**{name: value}).problems() == [
        f"{name} needs visitor_column, the column that sessions are cut from"
    ]
    assert SessionOptions(visitor_column="v", **{name: value}).problems() == []


def test_options_that_nothing_would_use_are_problems():
    (unused,) = SessionOptions(event_column="event").problems()
    assert unused.startswith("event_column needs event_types or event_weights")
    assert SessionOptions(event_column="event", event_types=("view",)).problems() == []
    assert SessionOptions(events_column="clicks").problems() == [
        "events_column needs layout=nested"
    ]
    (both,) = SessionOptions(layout="nested", columns=("SessionId", "Time")).problems()
    assert both.startswith("columns is for delimited text")
    assert SessionOptions(**TYPED, event_weights=["cart"]).problems()


def test_names_inside_a_list_may_be_those_beside_it():
    nested = SessionOptions(layout="nested", session_column="id", item_column="id")
    assert nested.problems() == []
    assert dataclasses.replace(nested, layout="rows").problems() == [
        f"{name} must be the name of a column, each a different one, got 'id'"
        for name in ("session_column", "item_column")
    ]
    for problem in ({"events_column": "id"}, {"events_column": " "}, {"time_column": "id"}):
        assert dataclasses.replace(nested, **problem).problems(), problem


def test_names_of_all_columns_have_those_that_are_read():
    names = ("SessionId", "Time", "ItemId", "Category")
    assert SessionOptions(columns=names).problems() == []
    assert SessionOptions(columns=names, time_offset_column="ms").problems() == [
        f"columns must have time_offset_column ('ms'), got {names!r}"
    ]
    for columns in ((), ("a", "a"), ("a", " b"), "ab", ("a", 1)):
        (problem,) = SessionOptions(columns=columns).problems()
        assert problem.startswith("columns must be a list of one or more different texts")
    (same,) = SessionOptions(visitor_column="v", event_column="Time").problems()[:1]
    assert same.startswith("time_column must be the name of a column, each a different one")


TYPED = {"visitor_column": "v", "event_column": "e"}


def test_weights_are_of_kept_types_and_limited():
    options = SessionOptions(**TYPED, event_types=("view", "cart"), event_weights={"cart": 3})
    assert options.problems() == []
    assert options.weight_by_type() == {b"cart": 3}
    assert SessionOptions(**TYPED).weight_by_type() is None
    for weight in (0, -1, 1000.1, float("nan"), float("inf"), True, "3", None):
        assert SessionOptions(**TYPED, event_weights={"cart": weight}).problems() == [
            f"event_weights.cart must be above 0 and at most 1000, got {weight!r}"
        ]
    (blank,) = SessionOptions(**TYPED, event_weights={" cart": 2}).problems()
    assert blank.startswith("event_weights must name types without blanks around them, got {")
    (dropped,) = SessionOptions(
        **TYPED, event_types=("view",), event_weights={"cart": 3, "view": 1}
    ).problems()
    assert dropped.startswith("event_weights has ['cart'], which event_types does not keep: add")
    assert SessionOptions(event_weights={"cart": 3}).problems() == [
        "event_weights needs event_column, the column that holds the types"
    ]
