"""Item ids, names and categories from the values of a table; neither TensorFlow nor Beam here."""

from __future__ import annotations

import decimal
import json
import math
import re
from typing import Any

from modules.files.characters import BLANKS
from modules.items.item_report import EMPTY_ID, UNUSABLE_ID
from modules.sessions.item_ids import vocabulary_holds

_LONGEST_NAME = 200  # characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def text_of(value: Any) -> str:
    """Returns a value as text; "" for none.

    >>> [text_of(value) for value in (None, " a", 7, 7.0, 0.5, True, b"b", [1, "x"])]
    ['', ' a', '7', '7', '0.5', 'true', 'b', '[1, "x"]']
    """
    if value is None or value != value:  # not a number
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (float, decimal.Decimal)) and math.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
    return str(value)


def item_id_of(found: bytes | None) -> tuple[bytes, str]:
    """Returns the item id as a click log has it, and why it cannot be used.

    Args:
      found: an id as `modules.row_formats.values.id_of` returns it: None for a value that can be
        none.

    >>> [item_id_of(found) for found in (b" shoe-7 ", b"", None)]
    [(b'shoe-7', ''), (b'', 'empty_id'), (b'', 'unusable_id')]
    """
    try:
        item_id = None if found is None else found.decode().strip(BLANKS).encode()
    except UnicodeError:
        item_id = None
    if item_id is None or b"\0" in item_id:
        return b"", UNUSABLE_ID
    if not item_id:
        return b"", EMPTY_ID
    return item_id, "" if vocabulary_holds(item_id) else UNUSABLE_ID


def name_of(value: Any) -> str:
    """Returns a name in one line, without control characters, as terminals obey them; "" for none.

    A description in place of a name is cut.

    >>> name_of(" A  long" + chr(10) + "name ")
    'A long name'
    """
    name = _CONTROL.sub(" ", text_of(value)[: 2 * _LONGEST_NAME])
    name = " ".join(name.split())
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def categories_of(value: Any) -> tuple[str, ...]:
    """Returns the categories of an item: those of a list, else one, or none.

    >>> [categories_of(value) for value in ("shoes", ["shoes", " sale ", "shoes", None], 12, " ")]
    [('shoes',), ('shoes', 'sale'), ('12',), ()]
    """
    values = value if isinstance(value, (list, tuple)) else [value]
    return tuple(dict.fromkeys(name for each in values if (name := name_of(each))))
