"""Draws the charts of the history: rows in, SVG out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from components.report.drawing import LINES, WIDTH, Line, draw_line, drawing_style, save
from components.report.svg import COLOURS
from modules.daily.days import day_name, day_number, is_date
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from pipeline.history.columns import BASELINE, Row, metric_column
from pipeline.history.positions import in_order_of_days, without_past_days
from pipeline.history.rows import BLESSED, FAILED, REFRESHED, REFUSED
from pipeline.run.run_folders import FAILURE_FILE, REFRESH_FILE, RELEASE_FILE

_HEIGHT = 2.3
_FEW = 20  # runs, up to which intervals are drawn one by one too
_MANY = 100  # runs, from which on markers are small
_MARKS = {BLESSED: ("o", "good"), REFUSED: ("X", "bad"), FAILED: ("v", "bad")}
_MEGABYTE = 1e6

Placed = Sequence[tuple[float, Row]]


class Series(NamedTuple):
    """A chart of a quantity by day.

    Attributes:
      name: name of the chart.
      title: what is measured, with its unit.
      columns: column by label, at most three.
      form: format of a value.
      scale: what values are divided by.
      of_time: whether it is of the moment of a run, and not of its day: past days have none.
    """

    name: str
    title: str
    columns: dict[str, str]
    form: str
    scale: float = 1.0
    of_time: bool = False


DATA = (
    Series("sessions", "Sessions", {f"{s}": f"sessions.{s}" for s in ("train", "test")}, ",.0f"),
    Series("rejects", "Rejected rows", {f"{s}": f"rejects.{s}" for s in ("train", "test")}, ",.0f"),
    Series("oov", "Steps towards an item unknown to training", {"share": "oov_share"}, ".1%"),
    Series(
        "drift",
        "Drift of item shares in train",
        {"largest change": "item_drift", "Jensen-Shannon": "item_divergence"},
        ".3g",
    ),
    Series(
        "change",
        "Change of split train",
        {"sessions": "session_count_change", "mean length": "session_length_change"},
        ".1%",
    ),
)
COST = (
    Series("seconds", "Seconds of a run", {"wall": "seconds", "CPU": "cpu_seconds"}, ",.0f"),
    Series("disk", "Output folder, megabytes", {"size": "disk_bytes"}, ",.0f", _MEGABYTE, True),
)


def metric_chart(name: str, metric: str, rows: Sequence[Row]) -> str:
    """Draws a metric by day with its interval, beside the baseline and the last blessed model.

    Args:
      name: name of the chart.
      metric: one of `METRICS`.
      rows: rows by the time of their start.
    """
    placed = in_order_of_days(rows)
    with drawing_style():
        figure, axes = _figure(placed)
        found = _values(placed, metric_column(CANDIDATE, metric))
        places, low = _values(placed, metric_column(CANDIDATE, metric, "low"))
        _, high = _values(placed, metric_column(CANDIDATE, metric, "high"))
        axes.fill_between(places, low, high, color=COLOURS["candidate"], alpha=0.15, linewidth=0)
        if len(placed) <= _FEW:  # One run has no area.
            axes.vlines(places, low, high, color=COLOURS["candidate"], alpha=0.4)
        baselines = sorted({str(row[BASELINE]) for _, row in placed if row[BASELINE]})
        others = {
            BASELINE: ("/".join(baselines) or BASELINE, "baseline", "--"),
            LAST_BLESSED: ("last blessed", "last-blessed", ":"),
        }
        for model, (label, colour, style) in others.items():
            x, y = _values(placed, metric_column(model, metric))
            if x:
                alone = {"marker": "_", "markersize": 9} if len(x) == 1 else {}
                draw_line(axes, Line(label, x, y, colour, style), **alone)
        draw_line(axes, Line("this model", *found, "candidate"))
        _mark(axes, placed, metric_column(CANDIDATE, metric))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_title(metric)
        _legend(axes)
        return save(figure, name, f"{metric} by day. {_said('this model', *found, '.4f')}.")


def series_chart(series: Series, rows: Sequence[Row]) -> str | None:
    """Draws a quantity by day; returns None if no run has it."""
    rows = without_past_days(rows) if series.of_time else rows
    placed = [pair for pair in in_order_of_days(rows) if pair[1]["verdict"] in (BLESSED, REFUSED)]
    lines, said = [], []
    for look, (label, column) in zip(LINES, series.columns.items(), strict=False):
        x, values = _values(placed, column)
        if x:
            y = [value / series.scale for value in values]
            lines.append(Line(label, x, y, *look))
            said.append(_said(label, x, y, series.form))
    if not lines:
        return None
    with drawing_style():
        figure, axes = _figure(placed)
        for line in lines:
            draw_line(axes, line)
            _link(axes, line, placed)
        axes.set_ylim(0, max(max(line.y) for line in lines) * 1.12 or 1)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=series.form == ",.0f"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:{series.form}}"))
        axes.set_title(series.title)
        if len(lines) > 1:
            _legend(axes)
        return save(figure, series.name, f"{series.title} by day. {'; '.join(said)}.")


def serving_chart(name: str, rows: Sequence[Row]) -> str | None:
    """Draws which version served when, in turns of two colours, and how many days old it was.

    The age of a version is the days from the one whose run trained it: it grows until another one
    serves. Past days that were run later are left out. Returns None if none served.
    """
    placed = in_order_of_days(without_past_days(rows))
    spans = _serving_spans(placed)
    if not spans:
        return None
    aged = [(place, row) for place, row in placed if row["served_day"]]
    x, ages = _grown([(p, max(int(p) - day_number(row["served_day"]), 0)) for p, row in aged])
    with drawing_style():
        figure, axes = _figure(placed)
        top = max([*ages, 1])
        axes.set_ylim(-0.22 * top, top * 1.15)
        for number, (start, end, _) in enumerate(spans):
            colour = COLOURS[("candidate", "last-blessed")[number % 2]]
            axes.broken_barh([(start, end - start)], (-0.17 * top, 0.12 * top), color=colour)
        draw_line(axes, Line("age", x, ages, "baseline"), marker="o", markersize=3, markevery=2)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:.0f}" if value >= 0 else "")
        )
        axes.set_title("Age of the model that served, days; below, its versions in turns")
        said = f"{len(spans)} versions served, the last one {spans[-1][2]}"
        return save(figure, name, f"Versions by day: {said}.")


def _grown(points: Sequence[tuple[float, int]]) -> tuple[list[float], list[float]]:
    """Returns the ages at some places, each with what it has grown to at the next one before it."""
    x, y = [point[0] for point in points[:1]], [float(point[1]) for point in points[:1]]
    for (place, age), (following, next_age) in itertools.pairwise(points):
        x += [following, following]
        y += [age + following - place, float(next_age)]
    return x, y


def _serving_spans(placed: Placed) -> list[tuple[float, float, str]]:
    """Returns start, end and version of the times in which one version served."""
    ends = [place for place, _ in placed[1:]] + [placed[-1][0] + 0.75] if placed else []
    pieces = [
        (place, end, row["served_version"]) for (place, row), end in zip(placed, ends, strict=True)
    ]
    spans = []
    for version, group in itertools.groupby(pieces, key=lambda piece: piece[2]):
        found = list(group)
        if version:
            spans.append((found[0][0], found[-1][1], str(version)))
    return spans


def _figure(placed: Placed) -> tuple[Any, Any]:
    """Returns an empty chart with the axis of days."""
    figure = Figure((WIDTH, _HEIGHT))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.12, right=0.96, top=0.83, bottom=0.13)
    first, last = placed[0][0], placed[-1][0]
    margin = max(0.04 * (last - first), 0.4)
    axes.set_xlim(first - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    dated = is_date(placed[0][1]["day"])
    axes.xaxis.set_major_formatter(FuncFormatter(_day_label(dated, last - first > 300)))
    return figure, axes


def _day_label(dated: bool, with_year: bool) -> Callable[[float, int], str]:
    def label(value: float, _: int) -> str:
        name = day_name(int(value), dated) if value >= 0 else ""
        return name if with_year or not dated else name[5:]

    return label


def _values(placed: Placed, column: str) -> tuple[list[float], list[float]]:
    found = [(place, row[column]) for place, row in placed if row[column] is not None]
    return [place for place, _ in found], [float(value) for _, value in found]


def _said(label: str, x: Sequence[float], y: Sequence[float], form: str) -> str:
    if not x:
        return f"{label}: no value"
    return f"{label} {y[0]:{form}}" + (f" to {y[-1]:{form}}" if len(y) > 1 else "")


def _mark(axes: Any, placed: Placed, column: str) -> None:
    """Marks each run by its verdict, with a link to its report; failed ones at the bottom."""
    for verdict, (marker, colour) in _MARKS.items():
        found = [(p, row) for p, row in placed if row["verdict"] == verdict]
        shown = [(p, row) for p, row in found if verdict == FAILED or row[column] is not None]
        if not shown:
            continue
        bottom = axes.get_ylim()[0]
        points = axes.scatter(
            [place for place, _ in shown],
            [bottom if verdict == FAILED else row[column] for _, row in shown],
            _marker_size(placed),
            COLOURS[colour],
            marker=marker,
            zorder=3,
            clip_on=False,
        )
        points.set_urls([link(row) for _, row in shown])


def _link(axes: Any, line: Line, placed: Placed) -> None:
    """Lets each point of a line lead to its run."""
    rows = {place: row for place, row in placed}
    points = axes.scatter(line.x, line.y, _marker_size(placed) / 2, COLOURS[line.colour], zorder=3)
    points.set_urls([link(rows[place]) for place in line.x])


def link(row: Row) -> str:
    """Returns where a row leads: its report, else the record of a failure or a refresh."""
    records = {BLESSED: "", REFUSED: "", FAILED: FAILURE_FILE, REFRESHED: REFRESH_FILE}
    record = records.get(row["verdict"], RELEASE_FILE)
    return str(row["report"] or f"{row['folder']}/{record}")


def _marker_size(placed: Placed) -> float:
    return 12.0 if len(placed) > _MANY else 30.0


def _legend(axes: Any) -> None:
    """Puts the legend above the chart, beside its title."""
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.01, 0.98), ncols=6, fontsize=9, borderpad=0,
        handlelength=1.4, columnspacing=0.8, handletextpad=0.4,
    )  # fmt: skip
