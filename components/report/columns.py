"""Names and colours of the verdict's columns on the page."""

from __future__ import annotations

from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED

_COLOURS = {CANDIDATE: "candidate", LAST_BLESSED: "last-blessed"}
_OTHERS = "baseline"


def label(column: str) -> str:
    """Returns the name of a column on the page.

    >>> label("candidate"), label("v_sknn")
    ('this model', 'v sknn')
    """
    return "this model" if column == CANDIDATE else column.replace("_", " ")


def colour(column: str) -> str:
    """Returns the key of a column's colour."""
    return _COLOURS.get(column, _OTHERS)


def rank_of(name: str) -> int:
    """Orders columns by their colour: this model, the last blessed one, then the baselines."""
    return [*_COLOURS.values(), _OTHERS].index(name)
