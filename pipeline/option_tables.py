"""The tables of docs/configuration.md, from the options' declarations: `make docs-options`."""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.config.fields import Declaration, Section, declared, is_optional, required
from modules.config.parsing import to_plain
from pipeline.config import SECTIONS
from pipeline.paths import PROJECT

PAGE = PROJECT / "docs" / "configuration.md"
_HEAD = "| option | default | values | meaning |\n|---|---|---|---|\n"
# What is between the marks is replaced; the rest of the page is written by hand.
_TABLE = re.compile(r"(<!-- options: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TYPES = {bool: "`true`, `false`", str: "text", int: "a whole number", float: "a number"}


def _literal(value: Any) -> str:
    """Returns a default as YAML writes it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_literal(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    return str(value) if isinstance(value, str) else str({None: "null"}.get(value, value)).lower()


def _limits(rule: Declaration, low: float, high: float) -> str:
    above, below = low in rule.excluding, high in rule.excluding
    if math.isinf(high):
        words = f"{low:,} or more"
    elif above or below:
        words = f"{'above' if above else 'at least'} {low:,}, "
        words += f"{'below' if below else 'at most'} {high:,}"
    else:
        words = f"{low:,.15g} to {high:,.15g}"
    return f"{words} {rule.unit}".strip()


def values_in_words(rule: Declaration, hint: Any) -> str:
    """Describes the values that an option takes.

    >>> values_in_words(Declaration(limits=(1, 10_000), unit="items"), int | None)
    '1 to 10,000 items, `null`'
    """
    kind = required(hint)
    if rule.choices:
        words = ", ".join(f"`{choice}`" for choice in rule.choices)
        words = words if kind is str else f"a list of {words}"
    elif rule.limits:
        words = _limits(rule, *rule.limits)
    elif rule.rising:
        words = f"a rising list of {rule.unit}"
    elif kind in _TYPES:
        words = _TYPES[kind]
    else:
        words = "a list" if typing.get_origin(kind) is tuple else "a mapping"
    return f"{words}, `null`" if is_optional(hint) else words


def table(name: str, section: type[Section]) -> str:
    """Returns the Markdown table of a section's options."""
    hints, defaults = typing.get_type_hints(section), to_plain(section())
    rows = [
        f"| `{name}.{field.name}` | `{_literal(defaults[field.name])}` "
        f"| {values_in_words(declared(section, field.name), hints[field.name])} "
        f"| {declared(section, field.name).sentence} |\n"
        for field in dataclasses.fields(typing.cast(Any, section))
    ]
    return _HEAD + "".join(rows)


def with_tables(page: str) -> str:
    """Returns a page with the tables between its marks `<!-- options: section -->` updated."""

    def filled(found: re.Match[str]) -> str:
        return f"{found[1]}\n{table(found[2], SECTIONS[found[2]])}\n{found[3]}"

    return _TABLE.sub(filled, page)


def main(page: Path = PAGE) -> None:
    """Updates the page."""
    page.write_text(with_tables(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
