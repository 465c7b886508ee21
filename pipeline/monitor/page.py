"""The page on a call's results: one HTML file without scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from components.report.templates import FOLDER as REPORT_FOLDER
from components.report.templates import frame_parts
from modules.gate.check_record import FAILED
from modules.messages.counting import counted
from pipeline.monitor import charts
from pipeline.monitor.console import minute, number, percent
from pipeline.monitor.estimates import BETTER, WORSE
from pipeline.monitor.measure import CLICK_THROUGH, MRR, NAMES, RECALL
from pipeline.monitor.skew import DRAWS

Report = Mapping[str, Any]
_TEMPLATES = Path(__file__).resolve().parent
_MOST_VERSIONS = 3
_CLASSES = {WORSE: "failed", BETTER: "passed"}
_SIGNS = {WORSE: "✗", BETTER: "✓"}
_FILTERS: dict[str, Callable[..., str]] = {
    "number": lambda value: number(value, ".4f"),
    "signed": lambda value: number(value, "+.4f"),
    "short": lambda value: number(value, ".2f"),
    "ms": lambda value: number(value, ",.1f"),
    "count": lambda value: number(value, ",.0f"),
    "percent": percent,
    "minute": minute,
    "thousandths": lambda value: number(value, ".3f"),
}


def render(report: Report, name: str) -> str:
    """Returns the page as HTML; values from logs are escaped.

    Args:
      report: the results, from `pipeline.monitor.report`.
      name: name of the pipeline.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_TEMPLATES, REPORT_FOLDER]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= _FILTERS
    versions = report["versions"]
    # Of many versions the newest are drawn; the tables have all.
    drawn = dict(list(versions.items())[-_MOST_VERSIONS:])
    return environment.get_template("page.html").render(
        report=report,
        name=name,
        failed=[check for check in report["checks"] if check["verdict"] == FAILED],
        draws=DRAWS,
        log=report["requests"],
        clicks=report["clicks"],
        canary=report["canary"],
        names=NAMES,
        tiles=_tiles(report),
        classes=_CLASSES,
        signs=_SIGNS,
        metric_charts=_metric_charts(report),
        skew_charts={version: _skew_charts(version, found) for version, found in drawn.items()},
        time_charts=_markup(
            charts.time_chart("unknown", "Requests whose item is unknown", "unknown", versions),
            charts.time_chart("requests", f"Requests by {_step(versions)}", "requests", versions),
        ),
        **frame_parts(),
    )


def _step(versions: Mapping[str, Report]) -> str:
    hours = {found["timeline"]["step_hours"] for found in versions.values()}
    return "hour" if hours == {1} else "day"


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    """Returns name, value and small print of what is seen first."""
    log = report["requests"]
    found = [
        ("requests", f"{log['requests']:,}", f"of {counted(log['sessions'], 'session')}"),
    ]
    for group in report["groups"]:
        recall = group["metrics"].get(RECALL)
        if recall and recall["value"] is not None:
            low, high = recall["interval"]
            label = group["label"] or group["version"]
            found.append(
                (f"Recall@20, {label}", f"{recall['value']:.4f}", f"{low:.4f} to {high:.4f}")
            )
    for key, words in (("oov_share", "unknown items"), ("stale_share", "clicks on unknown items")):
        measured = [name for name, each in report["versions"].items() if each[key] is not None]
        if measured:
            value = report["versions"][measured[-1]][key]
            found.append((words, percent(value), f"version {measured[-1]}"))
    return found


def _metric_charts(report: Report) -> list[markupsafe.Markup]:
    return _markup(
        *(
            charts.metric_chart(f"metric{place}", NAMES[metric], metric, report["groups"])
            for place, metric in enumerate((RECALL, MRR, CLICK_THROUGH))
        )
    )


def _skew_charts(version: str, found: Report) -> list[markupsafe.Markup]:
    return _markup(
        charts.length_chart(f"lengths{version}", found),
        charts.popularity_chart(f"popularity{version}", found),
    )


def _markup(*drawn: str | None) -> list[markupsafe.Markup]:
    return [markupsafe.Markup(chart) for chart in drawn if chart]
