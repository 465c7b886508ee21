"""Reads and writes YAML so that text stays text.

YAML itself decides what an unquoted scalar is, and reads a column named `on` as true. Here such a
scalar keeps its source text, and the declared type of its option decides.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Hashable
from typing import Any

import yaml

from modules.messages.quoting import quote, shorten

_TAG = "tag:yaml.org,2002:"
_BASES = {"0b": 2, "0o": 8, "0x": 16}
# YAML 1.2's numbers and underscores. YAML 1.1, which PyYAML speaks, reads 010 as 8, 1:30 as 90 and
# 1e-3 as text; people and YAML 1.2 read 10, text and a number. No option is a date.
_INT = r"[-+]?(0b_*[01][01_]*|0o_*[0-7][0-7_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|[0-9][0-9_]*)"
_FLOAT = (
    r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_WORDS = ("yes", "no", "true", "false", "on", "off")
_BOOL = "|".join(form for word in _WORDS for form in (word, word.title(), word.upper()))
# A configuration is a page of text. Aliases of aliases could expand beyond any memory.
_MAX_CHARACTERS, _MAX_DEPTH, _MAX_VALUES = 1_000_000, 20, 100_000
_LINE_ENDS = re.compile("[\r\x85\u2028\u2029\ufeff]")
_RESOLVERS = (
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("bool", _BOOL, "yYnNtTfFoO"),
    ("null", "~|null|Null|NULL|", "~nN\0"),
)


@dataclasses.dataclass(frozen=True)
class Plain:
    """An unquoted scalar that YAML reads as `value`; its source `text` is "" if it is missing."""

    text: str
    value: bool | int | float | None

    def __repr__(self) -> str:
        """Returns the value as messages show it."""
        return repr(self.value) if self.text else "nothing"


class _Loader(yaml.SafeLoader):
    """Keeps the text of unquoted scalars; keys are unique texts."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own way)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Returns a node's value, with its source if it is not text."""
        value = super().construct_object(node, deep)
        is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return Plain(node.value, value) if is_plain and not isinstance(value, str) else value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuses a repeated key, of which plain YAML loaders silently take the last."""
        values: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key must be text", key_node)
            if key in values:
                raise _error(f"the key {quote(key)} is given twice", key_node)
            values[key] = self.construct_object(value_node, deep)
        return values

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Reads a whole number; a leading zero does not make it octal."""
        text = self.construct_scalar(node).replace("_", "").lower()
        try:
            return int(text, _BASES.get(text.lstrip("-+")[:2], 10))
        except ValueError as error:  # Python converts a few thousand digits at most.
            raise _error(f"{quote(node.value)} is too long a number", node) from error


class Dumper(yaml.SafeDumper):
    """Quotes every text that a parser of YAML 1.1 or 1.2 would read as something else."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Writes a text; only double quotes keep Unicode's own line ends."""
        style = '"' if _LINE_ENDS.search(text) else None
        return self.represent_scalar(_TAG + "str", text, style)


def _error(problem: str, where: Any) -> yaml.constructor.ConstructorError:
    """Returns the error of a problem at a node or an event."""
    return yaml.constructor.ConstructorError("", None, problem, where.start_mark)


for _name, _pattern, _first in _RESOLVERS:
    _compiled = re.compile(f"(?:{_pattern})$")
    _firsts = [first.strip("\0") for first in _first]
    _Loader.add_implicit_resolver(_TAG + _name, _compiled, _firsts)
    Dumper.add_implicit_resolver(_TAG + _name, _compiled, _firsts)
Dumper.add_representer(str, Dumper.represent_text)
_Loader.add_constructor(_TAG + "int", _Loader.construct_yaml_int)


def parse_yaml(text: str) -> Any:
    """Parses YAML text; unquoted scalars that are not text become `Plain`.

    Raises:
      ValueError: the text is not valid YAML, repeats a key, has tags, or is too large.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"{len(text):,} characters are too many: at most {_MAX_CHARACTERS:,}")
    try:
        _check_events(text)
        _count(yaml.compose(text, Loader=_Loader), {})
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}{shorten(str(error.problem))}") from error
    except yaml.YAMLError as error:
        raise ValueError(shorten(" ".join(str(error).split()))) from error


def _check_events(text: str) -> None:
    """Refuses tags and deep nesting before anything is built."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if tag := getattr(event, "tag", None):
            raise _error(f"tags are not supported, got {shorten(tag)}", event)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise _error(f"values are nested more than {_MAX_DEPTH} levels deep", event)


def _count(node: yaml.Node | None, counted: dict[int, int]) -> int:
    """Counts the values of a node, aliases expanded.

    Args:
      node: root of the values; None for an empty text.
      counted: counts of the nodes seen so far, by id; 0 while one is being counted.
    """
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in counted:
        counted[id(node)] = 0
        parts = [part for item in node.value for part in (item if type(item) is tuple else [item])]
        counted[id(node)] = 1 + sum(_count(part, counted) for part in parts)
    found = counted[id(node)]
    if not 0 < found <= _MAX_VALUES:
        problem = f"aliases repeat more than {_MAX_VALUES:,} values" if found else "holds itself"
        raise _error(problem, node)
    return found


def quoted_text(text: str) -> str | None:
    """Returns the content of a single quoted YAML scalar, None for any other text."""
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
        return None
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError:
        return None
    if not isinstance(node, yaml.ScalarNode) or node.end_mark.index != len(text):
        return None
    return str(node.value)


def unwrap(value: Any) -> Any:
    """Returns a parsed value as YAML reads it, for options without a declared type."""
    if isinstance(value, Plain):
        return value.value
    if isinstance(value, dict):
        return {key: unwrap(item) for key, item in value.items()}
    return [unwrap(item) for item in value] if isinstance(value, list) else value


def format_yaml(values: Any) -> str:
    """Writes plain values so that `parse_yaml` reads them back unchanged."""
    # Lines are not folded: PyYAML loses blanks at some folds.
    return str(yaml.dump(values, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=2**31))
