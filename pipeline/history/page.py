"""The page on an output folder's history: one HTML file without scripts, beside the runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from components.report.templates import FOLDER as REPORT_FOLDER
from components.report.templates import frame_parts
from modules.evaluation.metric_names import headline_names
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from pipeline.history import charts
from pipeline.history.columns import BASELINE, Row, metric_column
from pipeline.history.monitoring import MonitorLine, monitor_lines
from pipeline.history.positions import without_past_days
from pipeline.history.rows import BLESSED, FAILED, REFRESHED, REFUSED
from pipeline.history.text_table import why

PAGE_FILE = "history.html"
METRICS = headline_names(steps=["all"])
_TEMPLATES = Path(__file__).resolve().parent
_SIGNS = {BLESSED: "✓", REFUSED: "✗", FAILED: "✗", REFRESHED: "↻"}
_CHANGE = "⇄"
_FILTERS: dict[str, Callable[[Any], str]] = {
    "short": lambda value: "-" if value is None else f"{value:.4f}",
    "count": lambda value: "-" if value is None else f"{value:,.0f}",
    "percent": lambda value: "-" if value is None else f"{value:.1%}",
    "megabytes": lambda value: "-" if value is None else f"{value / 1e6:,.0f}",
    "why": why,
    "link": charts.link,
}
_CLASSES = {BLESSED: "passed", REFUSED: "failed", FAILED: "failed", REFRESHED: "skipped"}


def write_page(rows: Sequence[Row], out: Path) -> Path:
    """Writes `history.html` atomically, and returns its path.

    Args:
      rows: at least one row, by the time of their start.
      out: output folder, to which the links of the page are relative.
    """
    file, scratch = out / PAGE_FILE, out / f".{PAGE_FILE}.new"
    scratch.write_text(render(rows, monitor_lines(out)), encoding="utf-8")
    scratch.replace(file)
    return file


def render(rows: Sequence[Row], monitors: Sequence[MonitorLine] = ()) -> str:
    """Returns the page as HTML; values from the data are escaped.

    Args:
      rows: at least one row, by the time of their start.
      monitors: the newest monitoring of each version.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_TEMPLATES, REPORT_FOLDER]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= _FILTERS
    finished = [row for row in rows if row["verdict"] in (BLESSED, REFUSED)]
    return environment.get_template("page.html").render(
        name=next((row["pipeline"] for row in reversed(rows) if row["pipeline"]), "pipeline"),
        rows=list(reversed(rows)),
        newest=rows[-1],
        last_day=without_past_days(rows)[-1],
        finished=finished[-1] if finished else None,
        tiles=_tiles(finished[-1], rows[-1]) if finished else [],
        table_metrics=headline_names(["honest"], ["all"]),
        column=metric_column,
        models={"this": CANDIDATE, "baseline": BASELINE, "last_blessed": LAST_BLESSED},
        signs=defaultdict(lambda: _CHANGE, _SIGNS),
        classes=defaultdict(lambda: "skipped", _CLASSES),
        **_charts(rows),
        monitors=list(reversed(monitors)),
        **frame_parts(),
    )


def _tiles(row: Row, newest: Row) -> list[tuple[str, str, str]]:
    """Returns name, value and small print of a finished run's metrics, and of what serves now."""
    found = []
    for metric in METRICS:
        value, low, high = (
            row[metric_column(CANDIDATE, metric, end)] for end in ("", "low", "high")
        )
        if value is not None:
            small = f"{low:.4f} to {high:.4f}" if low is not None else ""
            found.append((metric, f"{value:.4f}", small))
    day = f"trained for {newest['served_day']}" if newest["served_day"] else ""
    return [*found, ("served version", newest["served_version"] or "none", day)]


def _charts(rows: Sequence[Row]) -> dict[str, list[markupsafe.Markup]]:
    drawn: dict[str, list[str | None]] = {
        "metric_charts": [
            charts.metric_chart(f"metric{place}", metric, rows)
            for place, metric in enumerate(METRICS)
            if any(row[metric_column(CANDIDATE, metric)] is not None for row in rows)
        ],
        "serving_charts": [charts.serving_chart("serving", rows)],
        "data_charts": [charts.series_chart(series, rows) for series in charts.DATA],
        "cost_charts": [charts.series_chart(series, rows) for series in charts.COST],
    }
    return {
        name: [markupsafe.Markup(chart) for chart in found if chart]
        for name, found in drawn.items()
    }
