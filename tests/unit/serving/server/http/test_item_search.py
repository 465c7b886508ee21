"""Items by part of their id or name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from modules.items.item_names import ItemNames
from serving.server.http.item_search import SUGGESTED, described, known, matching
from serving.server.model_store import ServedModel

IDS = tuple(f"item {number}" for number in range(50))
KNOWN = frozenset(item.encode() for item in IDS)
NAMES = ItemNames({"item 49": "Großer HUT", "item 3": "Schuh"}, {"item 3": ("x", "y")})


def _model(names: ItemNames) -> ServedModel:
    return ServedModel(Path("7"), {}, 50, IDS, KNOWN, None, names)


def test_ids_and_names_are_found_the_most_popular_first() -> None:
    model = _model(NAMES)
    assert matching(model, "grosser hut") == ["item 49"]
    assert matching(model, "U") == ["item 3", "item 49"]
    assert matching(model, "49") == ["item 49"]
    assert matching(model, "") == list(IDS[:SUGGESTED])
    assert matching(model, "item 3\nschuh") == ["item 3"]  # as no one types
    assert matching(_model(ItemNames()), "hut") == []
    assert matching(_model(ItemNames()), "ITEM 49") == ["item 49"]


@pytest.mark.parametrize("names", [NAMES, ItemNames()])
def test_what_is_searched_is_prepared_once(names: ItemNames) -> None:
    counted: list[str] = []

    class Id(str):
        def casefold(self) -> str:
            counted.append(self)
            return super().casefold()

    model = dataclasses.replace(_model(names), item_ids=tuple(map(Id, IDS)))
    assert matching(model, "ITEM 49") == matching(model, "item 49") == ["item 49"]
    assert len(counted) == (0 if names.names else len(IDS))


def test_items_are_described_whatever_blanks_are_around_them() -> None:
    items = known(_model(NAMES), ["\xa0item 3 ", "no", "item 4"])
    assert described(_model(NAMES), items) == {
        "item_ids": ["\xa0item 3 ", "item 4"],
        "names": ["Schuh", ""],
        "categories": [["x", "y"], []],
    }
