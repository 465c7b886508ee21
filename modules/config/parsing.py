"""Reads YAML into typed dataclasses; every problem is collected, none raised."""

from __future__ import annotations

import dataclasses
import difflib
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from modules.config.fields import declared, is_optional, required
from modules.config.yaml_text import Plain, parse_yaml, quoted_text, unwrap
from modules.messages.quoting import quote, shorten

Options = TypeVar("Options")

NULL = "null"
NONE_FORMER: Mapping[str, str] = {}


def _convert_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("a number")
    if not abs(value) <= sys.float_info.max:
        raise ValueError("a finite number")
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


def _convert_text(value: Any) -> str:
    """Takes the source text, whatever YAML makes of it."""
    if isinstance(value, Plain) and not value.text:
        raise ValueError("a string (in quotes if it is empty or begins with #)")
    text: str = _convert_exact(value.text if isinstance(value, Plain) else value, str, "a string")
    return text


def _convert_optional(value: Any, inner: Any) -> Any:
    # Of texts, only the word null means none.
    is_text = inner is str and isinstance(value, Plain)
    if value.text == NULL if is_text else unwrap(value) is None:
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
        each = "a mapping, each " if isinstance(value, dict) else ""
        raise ValueError(f"{each}{error}") from error


def read_assigned(text: str, hint: Any) -> Any:
    """Returns the value that a command line assigns to an option, for `convert`.

    Args:
      text: what was typed, without the quotes that the shell removes.
      hint: annotation of the option. A string is taken as it is, except for quotes still around it,
        which are read as YAML's; all else is read as YAML.

    Raises:
      ValueError: the text is not valid YAML.
    """
    if required(hint) is not str:
        value = parse_yaml(text)
        if value is not None:
            return value
        # YAML reads `#5` as a comment, but a command line has no comments.
        return text if text.strip() else Plain("", None)
    if is_optional(hint) and text == NULL:
        return None
    content = quoted_text(text)
    return text if content is None else content


def convert(value: Any, hint: Any) -> Any:
    """Returns a value of `parse_yaml` as the annotated type; text keeps its source.

    Knows bool, int, float, str, Any (one of these), `X | None`, `tuple[X, ...]` and
    `Mapping[str, X]`.

    Raises:
      ValueError: the value is of another type; the message names the expected one.
      TypeError: the annotation itself is none of the above.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if is_optional(hint):
        return _convert_optional(value, required(hint))
    if hint is str:
        return _convert_text(value)
    if isinstance(value, Plain):
        value = value.value
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
    if hint is typing.Any:
        return _convert_exact(value, (bool, int, float, str), "a single value")
    raise TypeError(f"fields of type {hint!r} cannot be read from YAML")


def unknown_key(
    name: str, value: Any, known: Iterable[str], former: Mapping[str, str] = NONE_FORMER
) -> str:
    """Returns the message about an unknown key, with the nearest of the known ones.

    Args:
      name: the key, with dots after its section.
      value: its value.
      known: all keys.
      former: present name of each key by a name that it had before.
    """
    hint = _nearest(name, {**former, **{key: key for key in known}}) or _listed(name, sorted(known))
    return f"{shorten(name)} is not a known key, got {quote(value)}: {hint}"


def _nearest(name: str, present: Mapping[str, str]) -> str:
    """Suggests the key of the most similar name, or of another section's same name, else ""."""
    leaf = name.rpartition(".")[2]
    leaves = {other: other.rpartition(".")[2] for other in sorted(present)}
    same_leaf = [other for other, its in leaves.items() if its == leaf]
    # A long section alone does not make two names alike.
    close_leaves = difflib.get_close_matches(leaf, leaves.values(), n=len(leaves), cutoff=0.5)
    alike = [other for other, its in leaves.items() if its in close_leaves]
    for found in difflib.get_close_matches(name, alike, n=1, cutoff=0.7) or same_leaf[:1]:
        before = "" if present[found] == found else f" Its former name is {found}"
        return f"did you mean {present[found]}?{before}"
    return ""


def _listed(name: str, names: Sequence[str]) -> str:
    """Lists the keys of the section, or for an unknown section all sections, the nearest first."""
    section = name.rpartition(".")[0]
    siblings = [other for other in names if other.rpartition(".")[0] == section]
    sections = list(dict.fromkeys(other.rpartition(".")[0] for other in names if "." in other))
    if siblings or not sections:
        return f"known are {', '.join(siblings or names)}"
    close = difflib.get_close_matches(section, sections, n=1, cutoff=0.5)
    return f"sections are {', '.join(dict.fromkeys([*close, *sections]))}"


def field_names(options_class: Any) -> list[str]:
    """Returns the names of a dataclass's fields."""
    return [field.name for field in dataclasses.fields(options_class)]


def build(
    options_class: type[Options],
    values: Any,
    section: str,
    problems: list[str],
    known: Iterable[str],
    former: Mapping[str, str] = NONE_FORMER,
) -> Options:
    """Builds a dataclass from a YAML mapping and adds what is wrong to `problems`.

    Args:
      options_class: a dataclass; its method `problems()`, if any, checks the values.
      values: the section's part of the YAML.
      section: its name, for messages.
      problems: gets one line per problem.
      known: dotted names of all sections' keys, the nearest of which is suggested.
      former: present names by those that keys had before.

    Returns:
      The options, with the default of each field that is not valid.
    """
    if unwrap(values) is None:
        values = {}
    if not isinstance(values, dict):
        problems.append(f"{section} must be a mapping of keys to values, got {quote(values)}")
        values = {}
    hints, names = typing.get_type_hints(options_class), field_names(options_class)
    usable = {}
    for key, value in values.items():
        if key not in names:
            problems.append(unknown_key(f"{section}.{key}", value, known, former))
            continue
        try:
            found = convert(value, hints[key])
            spellings = declared(options_class, key).spellings
            usable[key] = spellings.get(found, found) if isinstance(found, str) else found
        except ValueError as error:
            problems.append(f"{section}.{key} must be {error}, got {quote(value)}")
    options = options_class(**usable)
    check = getattr(options, "problems", None)
    problems += [f"{section}.{problem}" for problem in check()] if check else []
    return options


def to_plain(options: Any) -> Any:
    """Returns a dataclass as nested dicts, lists and scalars that YAML and JSON can write."""
    if dataclasses.is_dataclass(options):
        return {name: to_plain(getattr(options, name)) for name in field_names(options)}
    if isinstance(options, Mapping):
        return {key: to_plain(value) for key, value in options.items()}
    if isinstance(options, (tuple, list)):
        return [to_plain(value) for value in options]
    return options
