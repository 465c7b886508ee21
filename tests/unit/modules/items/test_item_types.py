"""One type for a column's values, in whatever order files and blocks have them."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pyarrow as pa
import pytest

from modules.items.item_types import as_type, column_of, common_type, plain_type, values_of

TEXTS = pa.list_(pa.string())
ELEMENTS = pa.list_(pa.field("element", pa.string()))
COLUMNS = [
    *(pa.array([1, None]), pa.array([1], pa.int8()), pa.array([2**63], pa.uint64())),
    *(pa.array([1.5]), pa.array([7.0]), pa.array([True]), pa.array(["s", None])),
    *(pa.array(["s"], pa.large_string()), pa.array(["s"]).dictionary_encode(), pa.array([b"s"])),
    *(pa.array([["a"], None]), pa.array([[7]]), pa.array([[7.5]]), pa.array([[True]])),
    *(pa.array([["b"]], ELEMENTS), pa.array([["b"]], pa.large_list(pa.large_string()))),
    *(pa.array([[]]), pa.array([None]), pa.array([[["a"]]]), pa.array([{"a": 1}])),
    *(pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), pa.array([{"b": [1]}])),
    *(pa.array([2**62], pa.timestamp("s")), pa.array([0], pa.date32())),
    pa.array([["a", "b"]], pa.list_(pa.string(), 2)),
]


def _joined(columns: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Returns the type of all values, and these."""
    kind = common_type(column.type for column in columns)
    parts = [as_type(pa.chunked_array([column]), kind) for column in columns]
    assert all(part.type == kind for part in parts)
    return str(kind), [value for part in parts for value in values_of(part)]


@pytest.mark.parametrize("number", [2, 3])
def test_neither_type_nor_values_depend_on_the_order(number: int) -> None:
    for columns in itertools.combinations(COLUMNS, number):
        kind, values = _joined(columns)
        for order in itertools.permutations(columns):
            found, others = _joined(order)
            assert (found, sorted(map(repr, others))) == (kind, sorted(map(repr, values)))
            by_two = functools.reduce(
                lambda one, other: common_type([one, other]), [column.type for column in order]
            )
            assert str(plain_type(by_two)) == kind


def test_lists_with_anything_are_lists_of_texts() -> None:
    columns = tuple(map(pa.array, ([["a"]], [1.5], ["s"], [["b"]], [[7]], [[None]], [None])))
    texts = [["a"], ["1.5"], ["s"], ["b"], ["7"]]
    assert _joined(columns) == ("list<item: string>", [*texts, None, None])


def test_only_values_decide_which_type_a_list_has() -> None:
    columns = (*COLUMNS[14:17], pa.array([["c", None]]))
    values = [["b"], ["b"], None, ["c", None]]
    assert _joined(columns) == ("list<item: string>", values)
    assert _joined(columns[:2]) == ("list<item: string>", values[:2])


def test_times_that_python_has_not_are_numbers() -> None:
    assert values_of(pa.array([2**62, 0], pa.timestamp("s"))) == [2**62, 0]
    (time, day) = (pa.array([2**62], pa.timestamp("s")), pa.array(["x"]))
    assert _joined((time, day)) == ("string", [str(2**62), "x"])


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([[], None], "null", None),
        ([[7], ["shoes"]], "list<item: string>", [["7"], ["shoes"]]),
        ([[], ["shoes", None]], "list<item: string>", [[], ["shoes", None]]),
        ([["a"], 1.5, None, "b"], "list<item: string>", [["a"], ["1.5"], None, ["b"]]),
        ([[{"a": 1}], ["b"]], "list<item: string>", [['{"a": 1}'], ["b"]]),
        ([{"a": 1}, None], "string", ['{"a": 1}', None]),
        ([2**70, 1.5], "string", [str(2**70), "1.5"]),
        ([2**63, 1], "string", [str(2**63), "1"]),
        ([["\ud800"]], "list<item: string>", [["?"]]),
        ([True, 1], "string", ["true", "1"]),
    ],
)
def test_values_of_json(values: list[Any], kind: str, expected: list[Any] | None) -> None:
    column = column_of(values)
    assert str(plain_type(column.type)) == kind
    if expected is not None:
        assert column.to_pylist() == expected
