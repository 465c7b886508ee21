"""Draws the page's charts: results in, SVG out."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.dates
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from components.report.charts import Bar, bars, session_lengths
from components.report.drawing import LINES, WIDTH, Line, draw_line, drawing_style, save
from components.report.svg import COLOURS
from modules.config.options.releases import CANARY, STABLE

_COLOURS = {STABLE: "candidate", CANARY: "last-blessed"}
Report = Mapping[str, Any]


def metric_chart(name: str, title: str, metric: str, groups: Sequence[Report]) -> str | None:
    """Draws a metric of each version and label with its interval; None if none has it."""
    rows = []
    for group in groups:
        found = group["metrics"].get(metric)
        if found and found["value"] is not None:
            label = f"{group['version']} {group['label']}".strip()
            colour = _COLOURS.get(group["label"], "baseline")
            rows.append(Bar(label, found["value"], found["interval"], colour))
    return bars(name, title, rows) if rows else None


def length_chart(name: str, version: Report) -> str | None:
    """Draws the lengths of served sessions and of those that the model learned."""
    found = {"training": version["trained_lengths"], "served": version["lengths"]}
    counts = {label: np.asarray(each) for label, each in found.items() if each and any(each)}
    return session_lengths(name, counts) if len(counts) == 2 else None


def popularity_chart(name: str, version: Report) -> str | None:
    """Draws the shares of the popularity groups in training and in served sessions."""
    trained, served = version["trained_groups"], version["groups"]
    if not trained or not served:
        return None
    names = list(trained)
    with drawing_style():
        figure = Figure((WIDTH, 2.6), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(names))
        for side, (label, shares, colour) in enumerate(
            (("training", trained, "candidate"), ("served", served, "second"))
        ):
            heights = [shares.get(group, 0.0) for group in names]
            axes.bar(places + 0.4 * side - 0.2, heights, 0.36, color=COLOURS[colour], label=label)
        axes.set_xticks(places, names)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="x", visible=False)
        axes.set_ylim(0, 1.15 * max([*trained.values(), *served.values()]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        axes.set_title("Popularity of the items")
        axes.set_xlabel("popularity rank in the training data")
        axes.set_ylabel("share of known items")
        axes.legend(ncols=2)
        said = "; ".join(
            f"{group}: {trained[group]:.1%} in training, {served.get(group, 0.0):.1%} served"
            for group in names
        )
        return save(figure, name, f"Shares of events by popularity of the item. {said}.")


def time_chart(name: str, title: str, key: str, versions: Mapping[str, Report]) -> str | None:
    """Draws a quantity of the timelines of the newest versions; None if none has any.

    Args:
      name: name of the chart.
      title: what is measured.
      key: `requests` or `unknown`.
      versions: results by version, the newest last.
    """
    lines = []
    newest = list(versions.items())[-len(LINES) :]
    for look, (version, found) in zip(LINES, newest, strict=False):
        line = found["timeline"]
        points = [
            (matplotlib.dates.date2num(_moment(start)), value)
            for start, value in zip(line["starts"], line[key], strict=True)
            if value is not None
        ]
        if points:
            x, y = zip(*points, strict=True)
            lines.append(Line(version, x, y, *look))
    if not lines:
        return None
    is_share = key == "unknown"
    with drawing_style():
        figure = Figure((WIDTH, 2.6), layout="constrained")
        axes = figure.subplots()
        for line in lines:
            draw_line(axes, line, marker="o", markersize=3)
        axes.set_title(title)
        top = 1.25 * max([*(value for line in lines for value in line.y), 1e-9])
        axes.set_ylim(0, min(top, 1.05) if is_share else top)
        locator = matplotlib.dates.AutoDateLocator(minticks=2, maxticks=6)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(locator))
        axes.xaxis.get_offset_text().set_color(COLOURS["muted"])
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=not is_share))
        form = ".1%" if is_share else ",.0f"
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:{form}}"))
        if len(lines) > 1:
            figure.legend(loc="outside lower center", ncols=len(LINES))
        said = "; ".join(
            f"{line.label} from {min(line.y):{form}} to {max(line.y):{form}}" for line in lines
        )
        return save(figure, name, f"{title}. {said}.")


def _moment(time_ms: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(time_ms / 1000, datetime.timezone.utc)
