"""Parameters that are set when a run starts, and what they replace in a node.

TFX can make a whole execution property a runtime parameter, but loses its default, and most of our
values are inside JSON. So a node gets the parameter as an input of its own, and its container's
entrypoint puts it into the property before TFX sees it, by the bindings in the container's
arguments. This module imports nothing slow: the entrypoint imports it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from modules.daily.days import day_number
from modules.messages.quoting import quote, shorten

Value = str | int | float
FLAG = "--runtime_parameters"
NO_SPAN = -1
TYPES: Mapping[type, str] = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE"}


@dataclasses.dataclass(frozen=True)
class Binding:
    """One place that takes a parameter's value.

    Attributes:
      parameter: name of the parameter.
      prop: the execution property.
      path: keys inside the property's JSON; empty for the property itself.
      form: text with `{}` for the value; or `json` for a JSON object of numbers; or `span` for a
        span number, where -1 changes nothing; or `date` for a day's name, where "" changes nothing.
      minimum: lowest allowed whole number; None for no limit.
    """

    parameter: str
    prop: str
    path: tuple[str, ...] = ()
    form: str = "{}"
    minimum: int | None = None

    def check(self, value: Value) -> None:
        """Raises ValueError if the value cannot be used; the message names both."""
        if self.form == "json":
            self._parse(value)
        if self.minimum is not None or self.form == "span":
            self._check_number(value)
        if self.form == "date" and value:
            try:
                day_number(str(value))
            except ValueError as error:
                raise ValueError(f"{self.parameter} {error}") from error

    def _check_number(self, value: Value) -> None:
        if isinstance(value, (str, bool)) or not float(value).is_integer():
            raise ValueError(f"{self.parameter} must be a whole number, got {quote(value)}")
        if self.minimum is not None and value < self.minimum:
            must_be = f"{self.parameter} must be at least {self.minimum}"
            raise ValueError(f"{must_be}, got {quote(value)}")

    def apply(self, properties: dict[str, Any], value: Value) -> None:
        """Puts the value into the properties.

        Raises:
          ValueError: the value or the property cannot be used; the message names both.
        """
        self.check(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON has one kind of number; 3.0 epochs are 3.
        if self.form == "json":
            new: Any = self._parse(value)
        elif self.form == "span":
            if int(value) == NO_SPAN:
                return
            new = _range_of(int(value))
        elif self.form == "date":
            if not value:
                return
            new = str(value) if self.path else _range_of(day_number(str(value)))
        else:
            new = self.form.format(value) if isinstance(value, str) else value
        self._put(properties, new)

    def _parse(self, value: Value) -> Any:
        try:
            parsed = json.loads(str(value))
        except ValueError as error:
            raise ValueError(
                f'{self.parameter} must be JSON such as {{"honest/all/recall@20": 0.1}}, '
                f"got {quote(value)}: {error}"
            ) from error
        if not isinstance(parsed, dict):
            raise ValueError(f"{self.parameter} must be a JSON object, got {quote(value)}")
        for name, entry in parsed.items():
            is_number = isinstance(entry, (int, float)) and not isinstance(entry, bool)
            if not is_number or not math.isfinite(entry):
                raise ValueError(
                    f"{self.parameter} must have a number for {shorten(name)}, got {quote(entry)}"
                )
        return parsed

    def _check_kind(self, old: Any, new: Any) -> None:
        """Raises ValueError for text in the place of a number: it would not be read as one."""
        is_number = isinstance(old, (int, float)) and not isinstance(old, bool)
        if is_number and isinstance(new, str):
            raise ValueError(f"{self.parameter} must be a number, got {quote(new)}")

    def _put(self, properties: dict[str, Any], new: Any) -> None:
        if not self.path:
            properties[self.prop] = new
            return
        content = json.loads(properties[self.prop])
        place = content
        for key in self.path[:-1]:
            place = place[key]
        # Protos as JSON leave out fields at their default, so the last key may be new.
        self._check_kind(place.get(self.path[-1]), new)
        place[self.path[-1]] = new
        properties[self.prop] = json.dumps(content, sort_keys=True)


def _range_of(span: int) -> str:
    """Returns TFX's range of one span, as JSON."""
    return json.dumps(
        {"static_range": {"start_span_number": str(span), "end_span_number": str(span)}}
    )


@dataclasses.dataclass(frozen=True)
class RuntimeParameter:
    """A parameter of the whole pipeline.

    Attributes:
      name: name that users see.
      default: value unless a run sets another; its type is the parameter's.
      description: one line.
      bindings: places that take the value, by node id.
    """

    name: str
    default: Value
    description: str
    bindings: Mapping[str, Binding]


def encode(bindings: Sequence[Binding]) -> str:
    """Writes bindings as the container argument that follows `FLAG`."""
    return json.dumps([dataclasses.asdict(binding) for binding in bindings], sort_keys=True)


def decode(text: str) -> list[Binding]:
    """Reads what `encode` wrote."""
    return [Binding(**{**value, "path": tuple(value["path"])}) for value in json.loads(text)]


def apply_all(bindings: Sequence[Binding], properties: dict[str, Any]) -> dict[str, Any]:
    """Returns execution properties with the values of the runtime parameters in place.

    Raises:
      ValueError: a parameter has no value or one that cannot be used.
    """
    result = dict(properties)
    for binding in bindings:
        if binding.parameter not in properties:
            raise ValueError(f"the runtime parameter {binding.parameter} has no value")
        binding.apply(result, properties[binding.parameter])
    for name in {binding.parameter for binding in bindings}:
        # A property may have the parameter's name; then the property stays.
        if all(binding.prop != name for binding in bindings):
            del result[name]
    return result
