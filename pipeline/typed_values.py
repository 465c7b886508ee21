"""Reading of YAML into typed dataclasses; every problem is collected, none raised."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

import yaml

Options = TypeVar("Options")

# YAML 1.1, which PyYAML speaks, reads 1e-3 and 4e5 as strings; YAML 1.2 and people read numbers.
_FLOAT = re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$")


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, which plain YAML loaders let win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    "", None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))


def parse_yaml(text: str) -> Any:
    """Parses YAML text; numbers such as 1e-3 are floats and duplicate keys are errors.

    Raises:
      ValueError: the text is no YAML; the message has line and column.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _convert_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("a number")
    return float(value)


def _convert_int(value: Any) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise ValueError("a whole number")
    return int(value)


def _convert_exact(value: Any, expected: type | tuple[type, ...], words: str) -> Any:
    if not isinstance(value, expected):
        raise ValueError(words)
    return value


def _convert_optional(value: Any, inner: Any) -> Any:
    if value is None:
        return None
    try:
        return convert(value, inner)
    except ValueError as error:
        raise ValueError(f"{error} or null") from error


def _convert_sequence(value: Any, inner: Any) -> tuple[Any, ...]:
    try:
        return tuple(convert(item, inner) for item in _convert_exact(value, list, "a list"))
    except ValueError as error:
        raise ValueError(f"a list, each {error}" if isinstance(value, list) else error) from error


def _convert_mapping(value: Any, inner: Any) -> dict[str, Any]:
    try:
        items = _convert_exact(value, dict, "a mapping").items()
        return {_convert_exact(k, str, "a string as key"): convert(v, inner) for k, v in items}
    except ValueError as error:
        raise ValueError(
            f"a mapping, each {error}" if isinstance(value, dict) else error
        ) from error


def convert(value: Any, hint: Any) -> Any:
    """Returns a YAML value as the annotated type.

    Knows bool, int, float, str, Any (one of these), `X | None`, `tuple[X, ...]` and
    `Mapping[str, X]`.

    Raises:
      ValueError: the value is of another type; the message names the expected one.
      TypeError: the annotation itself is none of the above.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return _convert_optional(value, inner[0])
    if origin is tuple:
        return _convert_sequence(value, arguments[0])
    if origin is not None and issubclass(origin, Mapping):
        return _convert_mapping(value, arguments[1])
    if hint is float:
        return _convert_float(value)
    if hint is int:
        return _convert_int(value)
    if hint is bool:
        return _convert_exact(value, bool, "true or false")
    if hint is str:
        return _convert_exact(value, str, "a string")
    if hint is typing.Any:
        return _convert_exact(value, (bool, int, float, str), "a single value")
    raise TypeError(f"fields of type {hint!r} cannot be read from YAML")


def unknown_key(name: str, value: Any, known: Iterable[str]) -> str:
    """Returns the line that reports a key nobody reads, with the nearest of the known ones."""
    names = sorted(known)
    same_leaf = [other for other in names if other.rpartition(".")[2] == name.rpartition(".")[2]]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.7) or same_leaf
    section = name.rpartition(".")[0]
    siblings = [other for other in names if other.rpartition(".")[0] == section] or names
    way_out = f"did you mean {close[0]}?" if close else f"known are {', '.join(siblings)}"
    return f"{name} is not a known key, got {value!r}: {way_out}"


def field_names(options_class: type) -> list[str]:
    """Returns the names of a dataclass's fields."""
    return [field.name for field in dataclasses.fields(options_class)]


def build(
    options_class: type[Options],
    values: Any,
    section: str,
    problems: list[str],
    known: Iterable[str],
) -> Options:
    """Builds a dataclass from a YAML mapping and adds what is wrong to `problems`.

    Args:
      options_class: a dataclass; its method `problems()`, if any, judges the values.
      values: the section's part of the YAML.
      section: its name, for messages.
      problems: gets one line per problem.
      known: dotted names of all sections' keys, of which the nearest is suggested.

    Returns:
      The options. A field that cannot be read keeps its default, so that the others are checked.
    """
    if values is None:
        values = {}
    if not isinstance(values, dict):
        problems.append(f"{section} must be a mapping of keys to values, got {values!r}")
        values = {}
    hints = typing.get_type_hints(options_class)
    fields = field_names(options_class)
    usable = {}
    for key, value in values.items():
        if key not in fields:
            problems.append(unknown_key(f"{section}.{key}", value, known))
            continue
        try:
            usable[key] = convert(value, hints[key])
        except ValueError as error:
            problems.append(f"{section}.{key} must be {error}, got {value!r}")
    options = options_class(**usable)
    check = getattr(options, "problems", None)
    problems += [f"{section}.{problem}" for problem in check()] if check else []
    return options


def to_plain(options: Any) -> Any:
    """Returns a dataclass as nested dicts, lists and scalars that YAML and JSON can write."""
    if dataclasses.is_dataclass(options):
        names = [field.name for field in dataclasses.fields(options)]
        return {name: to_plain(getattr(options, name)) for name in names}
    if isinstance(options, Mapping):
        return {key: to_plain(value) for key, value in options.items()}
    if isinstance(options, (tuple, list)):
        return [to_plain(value) for value in options]
    return options
