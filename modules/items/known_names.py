"""Names, categories and other values of the items a model knows, from the table of all items."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow_hotfix  # noqa: F401 (closes a hole of old versions)
from apache_beam.io.filesystems import FileSystems

from modules.config.options.items import ItemOptions
from modules.items.item_names import ItemNames
from modules.items.item_table import IN_FILE, ITEM_ID
from modules.items.item_types import values_of
from modules.items.item_values import categories_of, name_of

ITEMS = "items"
"""Input of nodes with ItemGen's output."""
ITEMS_FILE = "items.parquet"
"""The table, in the folder of ItemGen's output."""
_ROWS_AT_ONCE = 20_000
_Value = TypeVar("_Value")


def names_of(uri: str, options: ItemOptions, known: Iterable[bytes] | None = None) -> ItemNames:
    """Returns names and categories from the folder of ItemGen's output.

    Args:
      uri: the folder.
      options: which columns have them.
      known: ids of the items to name, in this order; None for all.
    """
    name_column, category_column = (
        column and _column_in_table(column, options.id_column)
        for column in (options.name_column, options.category_column)
    )
    columns = sorted({ITEM_ID, *filter(None, (name_column, category_column))})
    wanted = None if known is None else [item.decode("utf-8", "replace") for item in known]
    names: dict[str, str] = {}
    categories: dict[str, Sequence[str]] = {}
    with FileSystems.open(os.path.join(uri, ITEMS_FILE)) as file:
        for table in _blocks(file, columns, wanted):
            ids = table[ITEM_ID].to_pylist()
            if name_column:
                found = zip(ids, map(name_of, values_of(table[name_column])), strict=True)
                names.update((item, name) for item, name in found if name)
            if category_column:
                lists = map(categories_of, values_of(table[category_column]))
                categories.update(
                    (item, each) for item, each in zip(ids, lists, strict=True) if each
                )
    return ItemNames(_in_order(names, wanted), _in_order(categories, wanted))


def values_by_column(
    uri: str, columns: Sequence[str], id_column: str, known: Iterable[bytes]
) -> dict[str, list[tuple[str, ...]]]:
    """Returns the values that items have in columns, as `categories_of` returns them.

    Args:
      uri: folder of ItemGen's output.
      columns: names of columns in the files.
      id_column: name of the column with the ids in the files.
      known: ids of the items.

    Returns:
      By column, an entry for each item in the order of `known`; () for one without a row or value.
    """
    wanted = [item.decode("utf-8", "replace") for item in known]
    place = {item: number for number, item in enumerate(wanted)}
    in_table = {column: _column_in_table(column, id_column) for column in columns}
    found: dict[str, list[tuple[str, ...]]] = {column: [()] * len(wanted) for column in columns}
    with FileSystems.open(os.path.join(uri, ITEMS_FILE)) as file:
        for table in _blocks(file, sorted({ITEM_ID, *in_table.values()}), wanted):
            places = [place[item] for item in table[ITEM_ID].to_pylist()]
            for column, name in in_table.items():
                for at, value in zip(places, values_of(table[name]), strict=True):
                    found[column][at] = categories_of(value)
    return found


def _in_order(found: dict[str, _Value], wanted: Sequence[str] | None) -> dict[str, _Value]:
    if wanted is None:
        return found
    return {item: found[item] for item in wanted if item in found}


def _blocks(
    file: IO[bytes], columns: Sequence[str], wanted: Sequence[str] | None
) -> Iterator[pa.Table]:
    """Yields the rows of some items, those of a part of the file at a time."""
    ids = None if wanted is None else pa.array(wanted, pa.string())
    for batch in pq.ParquetFile(file).iter_batches(_ROWS_AT_ONCE, columns=columns):
        table = pa.Table.from_batches([batch])
        yield table if ids is None else table.filter(pc.is_in(table[ITEM_ID], ids))


def _column_in_table(name: str, id_column: str) -> str:
    """Returns what a column of the files is named in the table."""
    if name == id_column:
        return ITEM_ID
    return IN_FILE if name == ITEM_ID else name
