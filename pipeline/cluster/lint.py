"""Checks compiled specifications against the rules of the backends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modules.messages.quoting import reason_of
from pipeline.cluster import lint_graph, lint_placement
from pipeline.cluster.lint_view import Problem, SpecView, read_view


def find_problems(view: SpecView) -> list[Problem]:
    """Returns all problems of a specification, each once."""
    found = list(lint_graph.strict_parse(view))
    for rule in (*lint_graph.RULES, *lint_placement.RULES):
        try:
            found += rule(view)
        except (AttributeError, KeyError, TypeError, ValueError):
            # Rules read what the protos allow; for anything else the parser's problem suffices.
            if not found:
                raise
    return list(dict.fromkeys(found))


def report(file: Path) -> list[str]:
    """Returns one line per problem of a file."""
    try:
        return [str(problem) for problem in find_problems(read_view(file))]
    except (OSError, ValueError) as error:
        return [reason_of(error)]


def check_files(files: Sequence[Path]) -> int:
    """Prints whether files are usable, with a line per problem; returns 1 if one is not."""
    status = 0
    for file in files:
        lines = report(file)
        print(f"{file}: {'ok' if not lines else 'not usable'}")
        for line in lines:
            print(f"  {line}")
        status = max(status, int(bool(lines)))
    return status
