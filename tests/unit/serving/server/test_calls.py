"""Several calls joined into one, and parts of a large one."""

from __future__ import annotations

import numpy as np
import pytest

from serving.server.calls import Call, joined, most_rows_at_once, rows_of, run
from serving.server.model_store import ModelStore
from serving.server.request_values import Array


def _texts(rows: list[list[bytes]]) -> Array:
    return np.array(rows, object).reshape(len(rows), -1)


def _filtered(store: ModelStore, items: list[list[bytes]], exclude: list[list[bytes]]) -> Call:
    arrays = {
        "item_ids": _texts(items),
        "k": np.array(3, np.int32),
        "exclude": _texts(exclude),
        "session_items": np.array(b"keep", object),
    }
    return Call(store.current, "recommend_filtered", arrays)


def test_calls_are_joined_with_padding_and_one_row_for_all(echo_store: ModelStore) -> None:
    calls = [
        _filtered(echo_store, [[b"a"], [b"b"]], [[b"x"]]),
        _filtered(echo_store, [[b"c", b"d"]], [[b"y", b"z"]]),
        _filtered(echo_store, [[b"e"], [b"f"]], [[b""], [b"w"]]),
    ]
    both = joined(calls)
    assert both.rows == 5
    items = [[b"a", b""], [b"b", b""], [b"c", b"d"], [b"e", b""], [b"f", b""]]
    assert both.arrays["item_ids"].tolist() == items
    excluded = [[b"x", b""], [b"x", b""], [b"y", b"z"], [b"", b""], [b"w", b""]]
    assert both.arrays["exclude"].tolist() == excluded
    assert both.arrays["k"] == 3
    assert run(both)["exclude"].tolist() == [[b"x"], [b"x"], [b"y"], [b""], [b"w"]]


@pytest.mark.parametrize("rows", [[0, 2], [2, 0, 1], [1]])
def test_calls_without_rows_take_no_place(echo_store: ModelStore, rows: list[int]) -> None:
    calls = [
        Call(echo_store.current, "recommend", {"item_ids": np.full((count, 1), b"a", object)})
        for count in rows
    ]
    assert rows_of(joined(calls).arrays) == sum(rows)


def test_a_huge_catalogue_is_scored_for_few_rows_at_once() -> None:
    assert [most_rows_at_once(size) for size in (0, 1, 1 << 20, 1 << 30)] == [64, 64, 16, 1]
