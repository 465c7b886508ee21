"""Tables of items: rows by id, each item once; neither TensorFlow nor Beam here.

Which row of an item is kept depends on the files alone, not on the order in which workers read
them: the last one, by the file's name and the row's place in it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from modules.items.item_report import DOUBLED, REPLACED
from modules.items.item_types import as_type, common_type, values_of
from modules.items.item_values import item_id_of

ITEM_ID = "item_id"
IN_FILE = f"{ITEM_ID}_in_file"
"""What a column is named that has the name of the ids, but is another one."""
_PLACE = "\0place"


class ItemBlock(NamedTuple):
    """Rows of a file.

    Attributes:
      ids: id of each row as `modules.row_formats.values.id_of` returns it.
      table: the rows, with all columns of the file.
    """

    ids: Sequence[bytes | None]
    table: pa.Table


def with_ids(block: ItemBlock, id_column: str, first_place: int, counts: Counter[str]) -> pa.Table:
    """Returns the rows with a usable id, as bytes in `ITEM_ID`, and their place.

    Args:
      block: rows of a file.
      id_column: the column with the ids, which `ITEM_ID` replaces.
      first_place: place of its first row among all rows.
      counts: rows without a usable id are added, by reason.
    """
    table, found = block.table, [item_id_of(each) for each in block.ids]
    counts.update(why for _, why in found if why)
    good = pa.array([not why for _, why in found], pa.bool_())
    columns = {
        _PLACE: pa.array(range(first_place, first_place + len(found)), pa.int64()),
        ITEM_ID: pa.array([item_id for item_id, _ in found], pa.binary()),
    }
    for name in table.column_names:
        if name != id_column:
            columns[IN_FILE if name == ITEM_ID else name] = table[name]
    return pa.table(columns).filter(good)


def each_once(tables: Iterable[pa.Table], counts: Counter[str]) -> tuple[pa.Table, list[bytes]]:
    """Returns one row for each item, and the ids of those with different rows.

    Args:
      tables: what `with_ids` returns, in any order.
      counts: rows that are not kept are added: `DOUBLED` ones equal the kept row, `REPLACED` ones
        do not.
    """
    table = joined(tables).sort_by([(ITEM_ID, "ascending"), (_PLACE, "ascending")])
    ids = table[ITEM_ID].to_pylist()
    kept, differing, start = [], [], 0
    for item_id, group in itertools.groupby(ids):
        end = start + sum(1 for _ in group)
        kept.append(end - 1)
        if end - start > 1:
            *before, last = _as_texts(table.slice(start, end - start).drop([_PLACE]))
            equal = sum(row == last for row in before)
            counts[DOUBLED] += equal
            counts[REPLACED] += len(before) - equal
            differing += [item_id] if equal < len(before) else []
        start = end
    return table.take(pa.array(kept, pa.int64())), differing


def _as_texts(table: pa.Table) -> list[str]:
    """Returns a text for each row, equal for equal rows: NaN does not equal itself."""
    columns = [values_of(column) for column in table.columns]
    return [repr(row) for row in zip(*columns, strict=True)]


def as_text(table: pa.Table) -> pa.Table:
    """Returns what `each_once` returns with ids as text, and without places."""
    at = table.schema.get_field_index(ITEM_ID)
    text = table.set_column(at, ITEM_ID, table[ITEM_ID].cast(pa.string()))
    return text.drop([_PLACE]).combine_chunks()


def table_writer(file: IO[bytes], schema: pa.Schema) -> pq.ParquetWriter:
    """Returns what writes the table of all items."""
    # Version 2.4, the default, has no nanoseconds.
    return pq.ParquetWriter(file, schema, compression="zstd", version="2.6")


def joined(tables: Iterable[pa.Table]) -> pa.Table:
    """Returns the rows of tables whose columns, or their types, may differ."""
    found = list(tables)
    schema = common_schema(table.schema for table in found)
    return pa.concat_tables(with_schema(table, schema) for table in found)


def common_schema(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Returns the columns of tables of items, each with one type for its values in all of them."""
    kinds: dict[str, list[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            kinds.setdefault(field.name, []).append(field.type)
    # By name, since blocks come in any order.
    first = [name for name in (_PLACE, ITEM_ID) if name in kinds]
    names = [*first, *sorted(kinds.keys() - {*first})]
    return pa.schema([(name, common_type(kinds[name])) for name in names])


def with_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Returns a table with the columns of `common_schema`; those that it lacks are empty."""
    columns = [
        as_type(table[field.name], field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
