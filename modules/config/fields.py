"""Declaration of options, each in one place: default, limits or choices, unit and one sentence.

A section of the configuration is a frozen dataclass of `option`s, in a file of its own, so that an
edit reruns only the nodes that use the section. Messages, the tables of `docs/configuration.md` and
Kubeflow's runtime parameters derive from the declarations. Neither TensorFlow nor Beam here.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from modules.messages.quoting import quote

_KEY = "option"
_LARGEST = 10**15  # of counts and days that slices are cut at

Options = TypeVar("Options")


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What a section declares about an option besides its default.

    Attributes:
      sentence: meaning of the option, in Markdown.
      unit: unit of a number, in words.
      limits: smallest and largest valid number.
      excluding: limits that are not valid themselves.
      choices: valid texts, or valid entries of a list.
      rising: whether it is a list of inclusive upper bounds that rise from 0 or more.
      spellings: meaning of other spellings of a text, by spelling.
      was: its name in the previous version, which still works, with a warning.
    """

    sentence: str = ""
    unit: str = ""
    limits: tuple[float, float] | None = None
    excluding: tuple[float, ...] = ()
    choices: tuple[str, ...] = ()
    rising: bool = False
    spellings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    was: str = ""

    def allows(self, number: float) -> bool:
        """Returns whether a number is within the limits; NaN never is."""
        low, high = self.limits or (-math.inf, math.inf)
        return low <= number <= high and number not in self.excluding

    def limits_in_words(self) -> str:
        """Describes the limits of a number.

        >>> Declaration(limits=(1, 10_000)).limits_in_words()
        'between 1 and 10000'
        >>> Declaration(limits=(0, 1), excluding=(0,)).limits_in_words()
        'above 0 and at most 1'
        """
        low, high = self.limits or (-math.inf, math.inf)
        if high == math.inf:
            return f"at least {low:.15g}"
        if not self.excluding:
            return f"between {low:.15g} and {high:.15g}"
        above, below = low in self.excluding, high in self.excluding
        return (
            f"{'above' if above else 'at least'} {low:.15g} and "
            f"{'below' if below else 'at most'} {high:.15g}"
        )


def option(default: Any, sentence: str, **declared: Any) -> Any:
    """Declares a field of a section.

    Code digests (`pipeline/code_fingerprint.py`) leave the sentence and the unit out.

    Args:
      default: value unless a configuration sets it; a mapping is copied.
      sentence: meaning of the option, in Markdown.
      **declared: further attributes of `Declaration`.
    """
    metadata = {_KEY: Declaration(sentence, **declared)}
    if isinstance(default, Mapping):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def declaration(field: dataclasses.Field[Any]) -> Declaration:
    """Returns a field's declaration, an empty one if it is not an `option`."""
    found: Declaration = field.metadata.get(_KEY, Declaration())
    return found


def former_names(section: type) -> dict[str, str]:
    """Returns the present name of each renamed option by its former one."""
    options = {field.name: declaration(field).was for field in dataclasses.fields(section)}
    return {was: name for name, was in options.items() if was}


def declared(section: type, name: str) -> Declaration:
    """Returns the declaration of a section's option; raises KeyError for an unknown one."""
    return declaration({field.name: field for field in dataclasses.fields(section)}[name])


def is_optional(hint: Any) -> bool:
    """Returns whether an annotation is `X | None`."""
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def required(hint: Any) -> Any:
    """Returns the X of `X | None`, and any other annotation as it is."""
    found = [argument for argument in typing.get_args(hint) if argument is not type(None)]
    return found[0] if is_optional(hint) else hint


class Section:
    """A section of the configuration."""

    def problems(self) -> list[str]:
        """Returns one message per invalid value; sections with further rules add their own."""
        hints = typing.get_type_hints(type(self))
        return [
            f"{field.name} must {wanted}, got {quote(value)}"
            for field in dataclasses.fields(typing.cast(Any, self))
            for wanted, value in _unusable(
                getattr(self, field.name), hints[field.name], declaration(field)
            )
        ]


def _unusable(value: Any, hint: Any, rule: Declaration) -> Iterator[tuple[str, Any]]:
    """Yields what a value must be, and the value or entry that is not."""
    if value is None and is_optional(hint):
        return
    kind = required(hint)
    if kind is bool and not isinstance(value, bool):
        yield "be true or false", value
    elif rule.rising and not _rises(value):
        yield f"rise from 0 or more, each below {_LARGEST:.0e}", list(value)
    elif rule.choices:
        word, values = ("be one of", [value]) if kind is str else ("be of", value)
        for each in values:
            if each not in rule.choices:
                yield f"{word} {', '.join(rule.choices)}", each
    elif rule.limits and not (_is_number(value, kind) and rule.allows(value)):
        word = ""
        if kind is int and (math.isinf(rule.limits[1]) or not isinstance(value, int)):
            word = "an integer of " if math.isinf(rule.limits[1]) else "an integer "
        yield f"be {word}{rule.limits_in_words()}", value


def _is_number(value: Any, kind: type) -> bool:
    """Returns whether a value is a number of a type; YAML's true and false are not."""
    return isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)


def _rises(bounds: Sequence[int]) -> bool:
    return all(low < high for low, high in itertools.pairwise([-1, *bounds, _LARGEST]))


def from_json(options_class: type[Options], values: Mapping[str, Any]) -> Options:
    """Builds options from what `dataclasses.asdict` made of them, as TFX passes them to components.

    Raises:
      TypeError: a key is not a field of the class.
    """
    return options_class(**values)
