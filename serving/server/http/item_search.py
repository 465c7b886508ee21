"""Items of a model by part of their id or name, and what is known of items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modules.files.characters import BLANKS
from serving.server.model_store import ServedModel

SUGGESTED = 30


def matching(model: ServedModel, words: str) -> list[str]:
    """Returns the first items whose id or name contains a text, the most popular first."""
    words = words.casefold()
    if not words:
        return list(model.item_ids[:SUGGESTED])
    found = (
        item for item, text in zip(model.item_ids, model.searched, strict=True) if words in text
    )
    return [item for item, _ in zip(found, range(SUGGESTED), strict=False)]


def known(model: ServedModel, items: Sequence[str]) -> list[str]:
    """Returns those of the items that a model knows."""
    return [item for item in items if item.strip(BLANKS).encode() in model.known]


def described(model: ServedModel, items: Sequence[str]) -> dict[str, Any]:
    """Returns the ids of items with their names, "" for none, and categories, as parallel lists."""
    bare = [item.strip(BLANKS) for item in items]
    return {
        "item_ids": list(items),
        "names": [model.names.name(item) for item in bare],
        "categories": [list(model.names.category(item)) for item in bare],
    }
