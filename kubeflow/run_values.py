"""Values of runtime parameters as users give them on a command line."""

from __future__ import annotations

import argparse
from typing import Any

import yaml

from runtime_parameters import FLAG, Binding, decode

Json = dict[str, Any]


def assignment(text: str) -> tuple[str, Any]:
    """Reads `NAME=VALUE`: numbers become numbers, everything else stays text.

    Raises:
      argparse.ArgumentTypeError: there is no `=`.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, got {text!r}")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        return name, value
    is_number = isinstance(parsed, (int, float)) and not isinstance(parsed, bool)
    return name, parsed if is_number else value


def add_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--parameter` to a command line."""
    parser.add_argument(
        "--parameter",
        type=assignment,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="value of a runtime parameter; may be repeated",
    )


def definitions(spec: Json) -> Json:
    """Returns the definitions of a pipeline's parameters."""
    found: Json = (spec["root"].get("inputDefinitions") or {}).get("parameters") or {}
    return found


def problems(spec: Json, given: Json) -> list[str]:
    """Returns one line per value that the pipeline does not take."""
    wanted = definitions(spec)
    found = []
    for name, value in given.items():
        if name not in wanted:
            known = ", ".join(sorted(wanted))
            found.append(f"the pipeline has no parameter {name}: there are {known}")
            continue
        kind = wanted[name]["parameterType"]
        is_number = isinstance(value, (int, float))
        whole = is_number and float(value).is_integer()
        if (kind == "NUMBER_INTEGER" and not whole) or (kind == "NUMBER_DOUBLE" and not is_number):
            found.append(f"the parameter {name} must be {kind}, got {value!r}")
            continue
        try:
            for binding in bindings(spec):
                if binding.parameter == name:
                    binding.check(value)
        except ValueError as error:
            found.append(f"the parameter {error}")
    return found


def bindings(spec: Json) -> list[Binding]:
    """Returns where the parameters go, from the arguments of the containers."""
    found = []
    for executor in spec["deploymentSpec"]["executors"].values():
        args = (executor.get("container") or {}).get("args") or []
        if FLAG in args:
            found += decode(args[args.index(FLAG) + 1])
    return found


def as_declared(spec: Json, given: Json) -> Json:
    """Returns the values with numbers for text parameters written as text."""
    kinds = {name: definition["parameterType"] for name, definition in definitions(spec).items()}
    return {name: str(v) if kinds[name] == "STRING" else v for name, v in given.items()}
