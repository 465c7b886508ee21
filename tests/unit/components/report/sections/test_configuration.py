"""The configuration as a table."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from components.report.sections import configuration


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(configuration)
    assert result.attempted and not result.failed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "true"),
        (0, "0"),
        (0.5, "0.5"),
        ("", ""),
        ([], "none"),
        ((1, None), "1, -"),
        ({}, "none"),
        ({"recall": 0.1, "ks": [5, 20]}, "recall: 0.1, ks: 5, 20"),
    ],
)
def test_a_value_is_written_as_in_a_preset(value: Any, text: str) -> None:
    assert configuration.flat_options({"gate": {"option": value}})["gate"] == [("option", text)]
