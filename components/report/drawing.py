"""How all charts are drawn: by matplotlib, in one style, as SVG for a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure

from components.report.svg import COLOURS, inline

# Inches; a phone shows the whole width, so letters stay readable.
WIDTH = 5.4
# The style tells apart lines that lie on each other.
LINES = (("candidate", "-"), ("second", "--"), ("third", ":"))

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 10,
    "text.color": COLOURS["ink"],
    "axes.edgecolor": COLOURS["grid"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.titlecolor": COLOURS["ink"],
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.8,
    "xtick.color": COLOURS["grid"],
    "ytick.color": COLOURS["grid"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "legend.frameon": False,
    "legend.labelcolor": COLOURS["ink"],
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}


class Line(NamedTuple):
    """One line: its label, points, a key of `COLOURS`, and matplotlib's line style."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    style: str = "-"


def drawing_style() -> AbstractContextManager[None]:
    """Returns the context in which charts are drawn and saved."""
    return matplotlib.rc_context(_STYLE)


def draw_line(axes: Any, line: Line, **marks: Any) -> None:
    """Draws a line; `marks` are further arguments of matplotlib's `plot`."""
    axes.plot(line.x, line.y, line.style, color=COLOURS[line.colour], label=line.label, **marks)


def save(figure: Figure, name: str, description: str) -> str:
    """Returns a chart as SVG for a page; see `svg.inline`."""
    buffer = io.StringIO()
    # Without a date, equal numbers make equal files.
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return inline(buffer.getvalue(), name, description)
