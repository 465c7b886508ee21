"""What an Examples artifact says about its window of days."""

from __future__ import annotations

import json

import pytest
from tfx.types import standard_artifacts

from modules.daily.artifacts import SPAN, days_of, evaluated_span, first_evaluated_start
from modules.daily.days import DAYS


def _examples(days: str | None) -> standard_artifacts.Examples:
    artifact = standard_artifacts.Examples()
    artifact.set_int_custom_property(SPAN, 16_688)
    artifact.set_int_custom_property("test.first_start", 1_441_843_200_000)
    if days is not None:
        artifact.set_string_custom_property(DAYS, days)
    return artifact


def test_a_window_says_its_days_in_order_the_span_and_the_first_start() -> None:
    days = {"2015-09-08": 17, "2015-09-09": 0, "2015-09-10": 9}
    examples = _examples(json.dumps(days))
    assert list(days_of(examples).items()) == list(days.items())
    assert evaluated_span(examples) == 16_688
    assert first_evaluated_start(examples) == 1_441_843_200_000


@pytest.mark.parametrize("examples", [None, _examples(None), _examples(""), _examples("{}")])
def test_without_a_window_there_is_none_of_it(examples: standard_artifacts.Examples | None) -> None:
    assert days_of(examples) == {}
    assert evaluated_span(examples) is None and first_evaluated_start(examples) is None
