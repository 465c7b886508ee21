"""Names and categories of a model's items, from the table of all items."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from modules.config.options.items import ItemOptions
from modules.items.item_names import ItemNames
from modules.items.known_names import ITEMS_FILE, names_of, values_by_column


def _table(folder: Path, **columns: list) -> str:
    pq.write_table(pa.table(columns), folder / ITEMS_FILE)
    return str(folder)


def test_names_of_known_items_come_in_their_order(tmp_path: Path) -> None:
    uri = _table(
        tmp_path, item_id=["a", "b", "c"], title=["A", None, "C\nc"], kind=[["x"], ["y", "z"], []]
    )
    options = ItemOptions(name_column="title", category_column="kind")
    found = names_of(uri, options, [b"c", b"no", b"\xff", b"b"])
    assert found == ItemNames({"c": "C c"}, {"b": ("y", "z")})
    assert list(names_of(uri, options).names) == ["a", "c"]


def test_columns_that_are_not_named_are_not_read(tmp_path: Path) -> None:
    uri = _table(tmp_path, item_id=["a"], title=["A"])
    assert not names_of(uri, ItemOptions())


def test_columns_that_have_the_name_of_the_ids(tmp_path: Path) -> None:
    uri = _table(tmp_path, item_id=["a"], item_id_in_file=["7"])
    options = ItemOptions(id_column="sku", name_column="item_id", category_column="sku")
    assert names_of(uri, options) == ItemNames({"a": "7"}, {"a": ("a",)})


def test_values_of_columns_come_in_the_order_of_the_items(tmp_path: Path) -> None:
    """A repeated value counts once; numbers are texts; an item without a row has none."""
    uri = _table(
        tmp_path,
        item_id=["a", "b", "c"],
        kind=[["x", "x"], ["y", "z"], None],
        item_id_in_file=[3, None, 4],
    )
    found = values_by_column(uri, ("kind", "item_id", "sku"), "sku", [b"c", b"no", b"b", b"\xff"])
    assert found == {
        "kind": [(), (), ("y", "z"), ()],
        "item_id": [("4",), (), (), ()],
        "sku": [("c",), (), ("b",), ()],
    }
