"""Which values of items count, and where their vectors are."""

from __future__ import annotations

import numpy as np
import pytest

from modules.data.item_indices import FIRST_ITEM
from modules.model import item_features
from modules.model.item_features import ItemFeatures, describe, encode

COLUMNS = {
    "kind": [("shoes",), ("shoes", "sale"), (), ("sale", "shoes"), ("hats",)],
    "brand": [("a",), ("b",), ("a",), (), ("b",)],
}


def _of_item(features: ItemFeatures, item: int) -> dict[tuple[str, str], float]:
    rows, weight = features.rows[FIRST_ITEM + item], features.weight[FIRST_ITEM + item]
    return {
        features.values[row - 1]: float(share)
        for row, share in zip(rows, weight, strict=True)
        if row
    }


def test_an_item_has_the_mean_of_its_values_in_each_column() -> None:
    features = encode(COLUMNS)
    assert _of_item(features, 0) == {("kind", "shoes"): 1.0, ("brand", "a"): 1.0}
    assert _of_item(features, 1) == {
        ("kind", "shoes"): 0.5,
        ("kind", "sale"): 0.5,
        ("brand", "b"): 1.0,
    }
    assert _of_item(features, 3) == {("kind", "shoes"): 0.5, ("kind", "sale"): 0.5}


def test_a_value_of_one_item_adds_nothing() -> None:
    """Its part could not be told from the item's own."""
    features = encode(COLUMNS)
    assert ("kind", "hats") not in features.values
    assert _of_item(features, 4) == {("brand", "b"): 1.0}
    assert describe(COLUMNS, features) == [
        "kind: 2 values of 3 of 5 items; 1 of one item each or beyond the limits",
        "brand: 2 values of 4 of 5 items",
    ]


def test_reserved_rows_and_empty_places_have_no_weight() -> None:
    features = encode(COLUMNS)
    assert not features.weight[:FIRST_ITEM].any()
    assert not features.weight[features.rows == 0].any()
    assert features.rows.max() == len(features.values)


def test_the_order_of_values_and_of_their_items_does_not_matter() -> None:
    turned = {name: [found[::-1] for found in values] for name, values in COLUMNS.items()}
    one, other = encode(COLUMNS), encode(turned)
    assert one.digest() == other.digest()
    less = {**COLUMNS, "brand": [("a",), ("b",), ("a",), ("b",), ("b",)]}
    assert encode(less).digest() != one.digest()


def test_values_beyond_the_limits_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of most items stay."""
    monkeypatch.setattr(item_features, "MOST_VALUES", 2)
    monkeypatch.setattr(item_features, "MOST_PER_ITEM", 1)
    many = [("a", "b", "c"), ("a", "b"), ("a", "c"), ("b",), ("c",), ("b",)]
    features = encode({"kind": many})
    assert features.values == (("kind", "b"), ("kind", "a"))
    assert features.rows[FIRST_ITEM:].tolist() == [[1], [1], [2], [1], [0], [1]]


def test_a_million_values_of_one_item_each_make_no_row() -> None:
    features = encode({"sku": [(str(item),) for item in range(1_000_000)]})
    assert not features.values and not features.weight.any()
    np.testing.assert_array_equal(features.rows, 0)
