"""What the server's status page shows of an output folder: its pages, and the last pushes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules.evaluation.metric_names import headline_names
from modules.evaluation.rank_table import CANDIDATE
from pipeline.history.columns import Row, metric_column
from pipeline.history.page import PAGE_FILE
from pipeline.history.rows import read_history
from pipeline.monitor.records import PAGE_FILE as MONITOR_PAGE
from pipeline.monitor.records import read_records
from serving.server.http.pages import Pages, Shown

_PUSHES = 5
_METRICS = headline_names(["honest"], ["all"])


def pages_of(out: Path | None) -> Pages:
    """Returns the pages of an output folder, None for none."""
    return Pages(out, lambda: read_shown(out)) if out else Pages()


def read_shown(out: Path) -> Shown:
    """Returns links and the last pushes, the newest first."""
    rows = [row for row in reversed(read_history(out).rows) if row["pushed_version"]]
    links = {
        "History": PAGE_FILE,
        "Report": next((row["report"] for row in rows if row["report"]), ""),
        "Monitoring": _newest_monitoring(out),
    }
    links = {name: path for name, path in links.items() if path and (out / path).is_file()}
    return Shown(links, [_push(row) for row in rows[:_PUSHES]])


def _newest_monitoring(out: Path) -> str:
    """Returns the path of the newest monitoring's page below the folder, "" for none."""
    records = read_records(out)
    return str((records[-1].folder / MONITOR_PAGE).relative_to(out)) if records else ""


def _push(row: Row) -> dict[str, Any]:
    metrics = {
        name.rpartition("/")[2]: _number(row[metric_column(CANDIDATE, name)]) for name in _METRICS
    }
    return {
        "version": row["pushed_version"],
        "run": (row["started"] or "-")[:16].replace("T", " "),
        "day": row["day"] or "-",
        "what": row["verdict"],
        **metrics,
    }


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
