"""Overrides of single values from the command line: `trainer.max_epochs=3`."""

from __future__ import annotations

import re
import shlex
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from modules.config.fields import former_names
from modules.config.parsing import read_assigned, to_plain
from modules.messages.quoting import quote, shorten

# A shell drops such a backslash unless it is quoted, and makes a t of \t.
_KEPT_BACKSLASH = re.compile(r"(?<!\\)\\(?=[A-Za-z0-9])")
_BOTH = "{0} is now {1}, and both are given: remove {0}"
_STAND_IN = "\0"  # which no command line can hold


def split_overrides(text: str) -> list[str]:
    """Splits `a.b=1 c.d="two words"` as a shell does, but keeps a backslash before a letter.

    A list or mapping needs no quotes:

    >>> split_overrides("a.b={view: 1, cart: 3} a.c=[x, y] a.d=1")
    ['a.b={view: 1, cart: 3}', 'a.c=[x, y]', 'a.d=1']

    Raises:
      ValueError: a quotation is not closed.
    """
    try:
        words = shlex.split(_KEPT_BACKSLASH.sub(_STAND_IN, text))
    except ValueError as error:
        raise ValueError(f"SET={shorten(text)}: {error}: check the quotes") from error
    return _with_whole_lists([word.replace(_STAND_IN, "\\") for word in words])


def _with_whole_lists(words: Sequence[str]) -> list[str]:
    """Joins the words of lists and mappings; one that never ends stays divided."""
    found, rest = [], list(words)
    while rest:
        size = 1
        if rest[0].partition("=")[2].startswith(("{", "[")):
            wholes = (n for n in range(1, len(rest) + 1) if _is_closed("".join(rest[:n])))
            size = next(wholes, 1)
        found.append(" ".join(rest[:size]))
        rest = rest[size:]
    return found


def _is_closed(text: str) -> bool:
    return all(text.count(left) == text.count(right) for left, right in ("{}", "[]"))


def apply_override(
    values: dict[str, Any],
    assignment: str,
    sections: Mapping[str, type],
    scalars: Mapping[str, Any],
    problems: list[str],
) -> None:
    """Puts one `section.key=value` into a YAML mapping; a further dot names a mapping's key.

    Args:
      values: content of the YAML file, changed in place. Its reader reports unknown keys.
      assignment: the override; `parsing.read_assigned` reads its value.
      sections: dataclass of each section.
      scalars: type of each top-level value.
      problems: gets a line if the override is not valid.
    """
    name, equals, text = assignment.partition("=")
    section, _, rest = name.partition(".")
    if not equals or not section or (section in sections and not rest):
        problems.append(f"override {quote(assignment)} must read section.key=value")
        return
    hints = typing.get_type_hints(sections[section]) if section in sections else dict(scalars)
    try:
        value = read_assigned(text, _declared(hints, rest if section in sections else name))
    except ValueError as error:
        problems.append(f"{shorten(name)}: the value {quote(text)} is not valid YAML: {error}")
        return
    if section not in sections:
        values[name] = value
        return
    if values.get(section) is None:
        values[section] = {}
    if isinstance(values[section], dict) and not _set_field(
        values[section], rest, value, sections[section]
    ):
        problems.append(
            f"override {quote(assignment)}: {shorten(name.rpartition('.')[0])} has no keys below it"
        )


class FormerNames:
    """Options' names in the previous version: they work, with a warning.

    Attributes:
      found: those that a configuration uses, `section.key`, by the present name.
      present_names: present name of each option by its former one.
    """

    _SPACE = "tuner.space."  # whose keys are names of options

    def __init__(self, sections: Mapping[str, type]) -> None:
        """Takes the names from the sections' declarations."""
        self.found: dict[str, str] = {}
        self.present_names = {
            f"{section}.{was}": f"{section}.{name}"
            for section, options_class in sections.items()
            for was, name in former_names(options_class).items()
        }

    def present(self, name: str) -> str:
        """Returns the present name of an option, or of an entry of the search space."""
        prefix = self._SPACE if name.startswith(self._SPACE) else ""
        present = self.present_names.get(name[len(prefix) :])
        if present is None:
            return name
        self.found[present] = name[len(prefix) :]
        return prefix + present

    def replace(self, values: dict[str, Any], problems: list[str], prefix: str = "") -> None:
        """Gives all options of a YAML mapping their present names, in place.

        Args:
          values: content of the file, or of a section.
          problems: gets a line per option that is given by both names.
          prefix: start of the options' names, with a dot.
        """
        for key, value in list(values.items()):
            name = f"{prefix}{key}"
            new_name = self.present(name)
            if prefix and new_name != name:
                new_key = new_name.removeprefix(prefix)
                if new_key in values:
                    problems.append(_BOTH.format(name, new_name))
                values[new_key] = values.pop(key)
            elif isinstance(value, dict) and name.count(".") < 2:
                self.replace(value, problems, f"{name}.")

    def overrides(self, assignments: Sequence[str], problems: list[str]) -> list[str]:
        """Returns `section.key=value`s with the present names; `problems` as in `replace`."""
        parts = [assignment.partition("=") for assignment in assignments]
        given = {name for name, _, _ in parts}
        result = []
        for name, equals, value in parts:
            new_name = self.present(name)
            if new_name != name and new_name in given:
                problems.append(_BOTH.format(name, new_name))
            result.append(f"{new_name}{equals}{value}")
        return result

    def warning(self) -> str:
        """Returns the warning about the names found, "" if there are none."""
        names = ", ".join(f"{was} is now {name}" for name, was in self.found.items())
        return names and f"{names}. The next version will not know the old names"


def _declared(hints: Mapping[str, Any], name: str) -> Any:
    """Returns the annotation of an option or of a mapping's entries, None if it is unknown."""
    key, _, entry = name.partition(".")
    hint = hints.get(key)
    if not entry:
        return hint
    return typing.get_args(hint)[1] if _is_mapping(hint) else None


def _is_mapping(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _set_field(target: dict[str, Any], name: str, value: Any, section: type) -> bool:
    """Sets a field or an entry of a field that is a mapping; returns False if it is not one."""
    key, _, entry = name.partition(".")
    if not entry:
        target[key] = value
        return True
    if not _is_mapping(typing.get_type_hints(section).get(key)):
        return False
    given = target.get(key, to_plain(getattr(section(), key)))
    target[key] = {**(given if isinstance(given, Mapping) else {}), entry: value}
    return True
