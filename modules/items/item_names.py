"""What a pushed model carries of the items' file: name and categories of the items it knows.

One small JSON file, compressed with gzip, with a list per column, which any client can read;
TensorFlow Serving ignores it. Neither TensorFlow nor pyarrow here.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modules.files.patterns import is_uri

ITEM_NAMES = os.path.join("assets.extra", "items.json.gz")
"""The file in a pushed model's folder."""
_COLUMNS = ("item_ids", "names", "categories")


class ItemNamesError(ValueError):
    """A file is not one of names and categories; the message names it."""


@dataclasses.dataclass(frozen=True)
class ItemNames:
    """Names and categories of items by id.

    Attributes:
      names: name of each item that has one.
      categories: categories of each item that has any.
    """

    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    categories: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        """Returns a number of items that something is known of, 0 only if there are none."""
        return max(len(self.names), len(self.categories))

    def name(self, item_id: str) -> str:
        """Returns an item's name, "" without one."""
        return self.names.get(item_id, "")

    def category(self, item_id: str) -> Sequence[str]:
        """Returns an item's categories, the empty sequence without any."""
        return self.categories.get(item_id, ())

    def of_category(self, categories: Iterable[str]) -> list[str]:
        """Returns the ids of all items that have one of some categories, in the file's order."""
        wanted = frozenset(categories)
        return [item for item, found in self.categories.items() if not wanted.isdisjoint(found)]

    def all_categories(self) -> frozenset[str]:
        """Returns the categories of all items."""
        return frozenset(each for found in self.categories.values() for each in found)

    def to_bytes(self) -> bytes:
        """Returns the file's content, the same for the same names and categories."""
        ids = list(dict.fromkeys([*self.names, *self.categories]))
        columns = (ids, [*map(self.name, ids)], [list(self.category(item)) for item in ids])
        content = dict(zip(_COLUMNS, columns, strict=True))
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return gzip.compress(text.encode("utf-8", "replace"), 6, mtime=0)


def parse_item_names(content: bytes, path: str) -> ItemNames:
    """Returns what `ItemNames.to_bytes` wrote; `path` is for messages.

    Raises:
      ItemNamesError: it is something else, or damaged.
    """
    try:
        text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        columns = json.loads(text)
        ids, names, categories = (columns[name] for name in _COLUMNS)
        rows = list(zip(ids, names, categories, strict=True))
        if not all(map(_is_row, rows)):
            raise TypeError
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise ItemNamesError(
            f"{path} has no names and categories of items: it must be the file {ITEM_NAMES} of a "
            "pushed model."
        ) from error
    # Few categories stand for many items: each is kept once.
    lists: dict[tuple[str, ...], tuple[str, ...]] = {}
    found = {}
    for item, _, each in rows:
        if each:
            key = tuple(map(sys.intern, each))
            found[item] = lists.setdefault(key, key)
    return ItemNames({item: name for item, name, _ in rows if name}, found)


def _is_row(row: tuple[Any, Any, Any]) -> bool:
    item, name, categories = row
    return (
        isinstance(item, str)
        and isinstance(name, str)
        and isinstance(categories, list)
        and all(isinstance(each, str) for each in categories)
    )


def read_item_names(folder: str | os.PathLike[str]) -> ItemNames:
    """Returns the names and categories that a model carries, none if it has no such file.

    Args:
      folder: the model's folder, local or at a URI.

    Raises:
      ItemNamesError: the file is damaged.
    """
    path = os.path.join(os.fspath(folder), ITEM_NAMES)
    content = read_if_there(path)
    return ItemNames() if content is None else parse_item_names(content, path)


def read_if_there(path: str) -> bytes | None:
    """Returns the bytes of a file, None if there is none."""
    if not is_uri(path):
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
    import tensorflow as tf

    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "rb") as file:
        return bytes(file.read())
