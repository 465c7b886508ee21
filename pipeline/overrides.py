"""Overrides of single values from the command line: `trainer.epochs=3`."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

from pipeline.typed_values import parse_yaml


def split_overrides(text: str) -> list[str]:
    """Splits `a.b=1 c.d="two words"` as a shell does.

    Raises:
      ValueError: a quotation is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"SET={text}: {error}: check the quotes") from error


def apply_override(
    values: dict[str, Any],
    assignment: str,
    sections: Mapping[str, type],
    problems: list[str],
) -> None:
    """Puts one `section.key=value` into a YAML mapping; a further dot names a mapping's key.

    Args:
      values: what the YAML file says; changed in place.
      assignment: the override, its value as YAML.
      sections: dataclass of each section.
      problems: gets a line if the override cannot be understood. Unknown keys stay in `values`,
        whose reader reports them.
    """
    name, equals, text = assignment.partition("=")
    section, _, rest = name.partition(".")
    if not equals or not section or (section in sections and not rest):
        problems.append(f"override {assignment!r} must read section.key=value")
        return
    try:
        value = parse_yaml(text)
    except ValueError as error:
        problems.append(f"{name}: the value {text!r} is not readable as YAML: {error}")
        return
    if section not in sections:
        values[name] = value
        return
    if values.get(section) is None:
        values[section] = {}
    if isinstance(values[section], dict) and not _set_field(
        values[section], rest, value, sections[section]
    ):
        problems.append(f"override {assignment!r}: {name.rpartition('.')[0]} has no keys below it")


def _set_field(target: dict[str, Any], name: str, value: Any, section: type) -> bool:
    """Sets a field, or one entry of a field that is a mapping; False if it is none."""
    key, _, entry = name.partition(".")
    if not entry:
        target[key] = value
        return True
    fields = {field.name: str(field.type) for field in dataclasses.fields(section)}
    if not fields.get(key, "").startswith("Mapping["):
        return False
    given = target.get(key, getattr(section(), key))
    target[key] = {**(given if isinstance(given, Mapping) else {}), entry: value}
    return True
