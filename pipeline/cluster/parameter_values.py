"""Values of runtime parameters as users give them on a command line."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from modules.config.fields import former_names
from modules.messages.quoting import quote, shorten
from pipeline.cluster.lint_view import Json, SpecView
from pipeline.cluster.runtime_parameters import FLAG, Binding, decode
from pipeline.config import SECTIONS

_LOG = logging.getLogger(__name__)

# What a value must be, by its parameterType.
KINDS = {"STRING": "text", "NUMBER_INTEGER": "a whole number", "NUMBER_DOUBLE": "a number"}
# KFP carries every number as a double, which holds no larger whole number exactly.
MOST = 2**53
_WHOLE = re.compile(r"[-+]?[0-9]{1,19}")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def assignment(text: str) -> tuple[str, str]:
    """Splits `NAME=VALUE`; the value stays text until the pipeline's declaration is known.

    Raises:
      ValueError: there is no `=`.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"must be NAME=VALUE, got {quote(text)}")
    return name, value


def with_present_names(spec: Json, given: Mapping[str, str]) -> dict[str, str]:
    """Returns values by their present names, with a warning for former ones.

    A file that the version before compiled has the former names itself.
    """
    wanted, result = SpecView(spec).parameters(), dict(given)
    for section in SECTIONS.values():
        for was, name in former_names(section).items():
            if was in given and was not in wanted and name in wanted and name not in given:
                _LOG.warning("The parameter %s is now %s: use the new name", was, name)
                result[name] = result.pop(was)
    return result


def typed(spec: Json, given: Mapping[str, str]) -> Json:
    """Returns values of the declared types; what is not a number stays text."""
    kinds = {
        name: definition["parameterType"]
        for name, definition in SpecView(spec).parameters().items()
    }
    return {
        name: text if kinds.get(name, "STRING") == "STRING" else _number(text)
        for name, text in given.items()
    }


def _number(text: str) -> int | float | str:
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def problems(spec: Json, given: Mapping[str, Any]) -> list[str]:
    """Returns one line per value that the pipeline does not accept."""
    wanted = SpecView(spec).parameters()
    found = []
    for name, value in given.items():
        if name not in wanted:
            known = ", ".join(sorted(wanted))
            found.append(f"the pipeline has no parameter {shorten(name)}: there are {known}")
            continue
        kind = wanted[name]["parameterType"]
        if not _is_of(kind, value):
            found.append(
                f"the parameter {name} must be {KINDS.get(kind, 'of another type')} ({kind}), "
                f"got {quote(value)}"
            )
            continue
        try:
            for binding in bindings(spec):
                if binding.parameter == name:
                    binding.check(value)
        except ValueError as error:
            found.append(f"the parameter {error}")
    return found


def _is_of(kind: str, value: Any) -> bool:
    """Returns whether a value has a parameterType and is small enough for a double."""
    if kind == "STRING":
        return isinstance(value, str)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    if kind == "NUMBER_INTEGER":
        return abs(value) <= MOST and float(value).is_integer()
    return kind == "NUMBER_DOUBLE" and abs(value) < float("inf")


def bindings(spec: Json) -> list[Binding]:
    """Returns where the parameters go, from the arguments of the containers."""
    found = []
    for executor in spec["deploymentSpec"]["executors"].values():
        args = (executor.get("container") or {}).get("args") or []
        if FLAG in args:
            found += decode(args[args.index(FLAG) + 1])
    return found
