"""Draws the page's charts: plain numbers in, SVG out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from components.report.drawing import LINES, WIDTH, Line, draw_line, drawing_style, save
from components.report.svg import COLOURS
from modules.array_types import IntArray

LONGEST_SHOWN = 20
_POINTS = 120


class Bar(NamedTuple):
    """One bar: its label, value, interval (or None) and a key of `COLOURS`."""

    label: str
    value: float
    interval: Sequence[float] | None
    colour: str


class Panel(NamedTuple):
    """Lines over the epochs that share an axis; `title` names what they measure."""

    title: str
    lines: Sequence[Line]


def bars(name: str, title: str, rows: Sequence[Bar]) -> str:
    """Draws horizontal bars with their intervals, the first one on top."""
    with drawing_style():
        figure = Figure((WIDTH, 0.62 + 0.31 * len(rows)), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(rows))[::-1]
        axes.barh(
            places, [row.value for row in rows], 0.62, color=[COLOURS[row.colour] for row in rows]
        )
        ends = []
        for place, row in zip(places, rows, strict=True):
            low, high = row.interval or (row.value, row.value)
            ends.append(max(high, row.value))
            axes.plot([low, high], [place, place], color=COLOURS["ink"], linewidth=1.4)
            axes.annotate(
                f"{row.value:.3f}",
                (ends[-1], place),
                (5, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(places, [row.label for row in rows], color=COLOURS["ink"])
        axes.tick_params(length=0)
        axes.set_xlim(0, max([*ends, 1e-9]) * 1.14)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_title(title)
        return save(figure, name, f"Bar chart of {title}: {_said(rows)}.")


def _said(rows: Sequence[Bar]) -> str:
    parts = []
    for row in rows:
        interval = f" ({row.interval[0]:.3f} to {row.interval[1]:.3f})" if row.interval else ""
        parts.append(f"{row.label} {row.value:.3f}{interval}")
    return "; ".join(parts)


def curves(name: str, panels: Sequence[Panel]) -> str:
    """Draws panels of training curves, one below the other."""
    with drawing_style():
        figure = Figure((WIDTH, 2.35 * len(panels)), layout="constrained")
        column = figure.subplots(len(panels), squeeze=False)[:, 0]
        for axes, panel in zip(column, panels, strict=True):
            for line in panel.lines:
                draw_line(axes, line, marker="o", markersize=3)
            axes.set_title(panel.title)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(5))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
            if len(panel.lines) > 1:
                axes.legend()
        said = "; ".join(
            f"{panel.title}, {line.label}: {line.y[0]:.4g} to {line.y[-1]:.4g}"
            for panel in panels
            for line in panel.lines
        )
        return save(figure, name, f"Training curves by epoch, first to last value. {said}.")


def session_lengths(name: str, by_split: Mapping[str, IntArray]) -> str:
    """Draws the share of sessions of each length.

    Args:
      name: name of the chart.
      by_split: number of sessions by number of events, int64 `[longest + 1]`, for each split.
    """
    lines, said = [], []
    for look, (split, counts) in zip(LINES, by_split.items(), strict=False):
        total = max(int(counts.sum()), 1)
        shown = np.append(counts[1:LONGEST_SHOWN], counts[LONGEST_SHOWN:].sum())
        shown = np.pad(shown, (0, LONGEST_SHOWN - len(shown))) / total
        lines.append(Line(split, list(range(1, LONGEST_SHOWN + 1)), list(shown), *look))
        said.append(f"{split}: {shown[1]:.0%} have 2 events, {shown[9:].sum():.0%} have 10 or more")
    with drawing_style():
        figure = Figure((WIDTH, 2.6), layout="constrained")
        axes = figure.subplots()
        for line in lines:
            draw_line(axes, line, marker="o", markersize=3)
        axes.set_title("Session length")
        axes.set_xlabel(f"events in the session ({LONGEST_SHOWN}: this many or more)")
        axes.set_ylabel("share of sessions")
        axes.set_xticks([1, 5, 10, 15, LONGEST_SHOWN], ["1", "5", "10", "15", f"{LONGEST_SHOWN}+"])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        axes.legend()
        return save(figure, name, f"Share of sessions by length. {'; '.join(said)}.")


def popularity(name: str, counts: IntArray, catalogue_size: int) -> str:
    """Draws how often each item occurs in the training data, by popularity rank, on log scales.

    Args:
      name: name of the chart.
      counts: training events of each item, descending, int64 `[items]`.
      catalogue_size: number of items that can be recommended, the first ones.
    """
    places = np.unique(np.geomspace(1, len(counts), _POINTS).astype(np.int64))
    with drawing_style():
        figure = Figure((WIDTH, 2.6), layout="constrained")
        axes = figure.subplots()
        axes.loglog(places, counts[places - 1], color=COLOURS["candidate"], linewidth=2)
        if catalogue_size < len(counts):
            axes.axvline(catalogue_size, color=COLOURS["second"], linestyle="--")
            axes.annotate("catalogue ends", (catalogue_size, counts[0]), (-4, -8), ha="right",
                          textcoords="offset points")  # fmt: skip
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            axis.set_minor_formatter(NullFormatter())
        axes.set_title("Item popularity")
        axes.set_xlabel("popularity rank of the item")
        axes.set_ylabel("training events")
        said = f"The most frequent of {len(counts):,} items has {counts[0]:,} training events"
        return save(figure, name, f"{said}, the median item {int(np.median(counts)):,}.")
