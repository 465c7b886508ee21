"""Ids, names and categories are those of a click log, whatever type a column has."""

from __future__ import annotations

import decimal
import math
from typing import Any

import pytest

from modules.items.item_values import categories_of, item_id_of, name_of, text_of
from modules.row_formats.values import Number, id_of


@pytest.mark.parametrize(
    ("value", "item_id"),
    [
        ("\u3000shoe 7\xa0", b"shoe 7"),
        (b" shoe", b"shoe"),
        (2**70, b"1180591620717411303424"),
        (7.0, b"7"),
        (Number("1180591620717411303424.0"), b"1180591620717411303424"),
        (decimal.Decimal("7.00"), b"7"),
        ("7.0", b"7.0"),
    ],
)
def test_an_id_is_the_one_that_a_click_log_has(value: Any, item_id: bytes) -> None:
    assert item_id_of(id_of(value)) == (item_id, "")


@pytest.mark.parametrize("value", [None, "", " \t\ufeff", math.nan, b""])
def test_an_empty_id(value: Any) -> None:
    assert item_id_of(id_of(value)) == (b"", "empty_id")


@pytest.mark.parametrize(
    "value",
    [
        *(7.5, math.inf, 2.0**60, True, ["a"], {"a": 1}, decimal.Decimal("Infinity")),
        *("[PAD]", "a\rb", "a__SPACE__b", "a\0b", b"\xff", "\ud800"),
    ],
)
def test_an_id_that_the_vocabulary_cannot_store(value: Any) -> None:
    assert item_id_of(id_of(value))[1] == "unusable_id"


def test_names_are_one_line_and_categories_are_texts() -> None:
    assert name_of(" a\n\tb\x1b[31m\x9b ") == "a b [31m"
    assert name_of("a" * 200) == "a" * 200
    assert name_of("a" * 10**6) == "a" * 200 + "…"
    assert name_of(None) == name_of(math.nan) == ""
    assert categories_of([" a ", "a", None, 7, ""]) == ("a", "7")
    assert categories_of("a, b") == ("a, b",)
    assert text_of({"b": 1, "a": "ö"}) == '{"a": "ö", "b": 1}'
