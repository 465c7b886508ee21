"""Reads the history of an output folder from the folders of its runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modules.daily.model_day import read_day
from modules.evaluation.metric_names import count_name
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.messages.quoting import first_line
from modules.push_origin import THIS_RUN
from modules.sessions.splits import SPLITS
from pipeline.history.columns import BASELINE, COUNTS, DRIFT, METRICS, Row, full_row, metric_column
from pipeline.paths import PUSHED
from pipeline.run.run_folders import (
    FAILURE_FILE,
    REFRESH_FILE,
    RELEASE_FILE,
    REPORT_FILE,
    RUNS,
    RunFolder,
    recorded_folders,
)
from pipeline.run.summary_file import FORMAT, SUMMARY_FILE

BLESSED, REFUSED, FAILED, REFRESHED = "blessed", "refused", "failed", "refreshed"
CHANGES = {
    "rollback": "rolled back from",
    "promote": "promoted",
    "try": "on trial",
    "pause": "paused",
    "resume": "resumed",
}
"""Verdicts of changes of the releases, by subcommand of `releases`."""
RUNS_OF_DAYS = (BLESSED, REFUSED, FAILED)
"""Verdicts of runs; the other rows are of changes between them, and have no day of data."""
STRONGEST = "stan"
"""The baseline that is shown, if it was evaluated."""


class History(NamedTuple):
    """The runs of an output folder.

    Attributes:
      rows: a row per run, failed run and refresh, by the time of their start.
      damaged: what is wrong with each folder that was left out, by path below the output folder.
    """

    rows: list[Row]
    damaged: dict[str, str]


def read_history(out: Path) -> History:
    """Returns the history of an output folder; a damaged folder is named and left out."""
    rows, damaged = [], {}
    for run in recorded_folders(out):
        try:
            rows.append(_row(run))
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            damaged[f"{RUNS}/{run.path.name}"] = first_line(error)
    rows.sort(key=lambda row: str(row["started"] or row["day"]))
    _add_served_days(rows, out)
    return History(rows, damaged)


def damage_line(folder: str, reason: str) -> str:
    """Returns the warning about a folder that was left out."""
    return (
        f"Warning: {folder} was left out of the history: {reason}. Delete it, or restore its files."
    )


def _add_served_days(rows: Iterable[Row], out: Path) -> None:
    """Adds the day whose run trained the served model; a refreshed model keeps its base's.

    A run that was killed after its push has no record that says so, but the version has.
    """
    days: dict[str, str | None] = {}
    for row in rows:
        version, base = row["pushed_version"], row["base_version"]
        if version:
            days[version] = days.get(base) if base else row["day"]
        if (served := row["served_version"]) and served not in days:
            days[served] = served_day(out, served)
        row["served_day"] = days.get(served or "")


def served_day(out: Path, version: str) -> str | None:
    """Returns the day that a pushed version says it is of; None if it does not."""
    return read_day(str(out / PUSHED / version))


def _row(run: RunFolder) -> Row:
    readers = {
        SUMMARY_FILE: _of_summary,
        FAILURE_FILE: _of_failure,
        REFRESH_FILE: _of_refresh,
        RELEASE_FILE: _of_release,
    }
    for name, read in readers.items():
        if (run.path / name).is_file():
            content = json.loads((run.path / name).read_text("utf-8"))
            place = {"day": run.day, "run": run.number, "folder": f"{RUNS}/{run.path.name}"}
            if (run.path / REPORT_FILE).is_file():
                place["report"] = f"{RUNS}/{run.path.name}/{REPORT_FILE}"
            return full_row({**place, **read(content)})
    raise FileNotFoundError(f"has none of {', '.join(readers)}")


def verdict_of(summary: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Returns whether a finished run's model was blessed or refused, and why.

    A model that failed the check of serving is refused as well: it was not pushed.
    """
    serving = summary.get("serving_check") or {"passed": True, "reasons": []}
    if summary["blessed"] and serving["passed"]:
        return BLESSED, list(summary["reasons"])
    of_gate = [] if summary["blessed"] else summary["reasons"]
    return REFUSED, [*of_gate, *serving["reasons"]]


def version_of(folder: str | None) -> str | None:
    """Returns the version in the path of a pushed model.

    >>> version_of("/out/pushed/1795672257")
    '1795672257'
    """
    return Path(folder).name if folder else None


def _of_summary(summary: Mapping[str, Any]) -> Row:
    if summary["format"] != FORMAT:
        raise ValueError(f"{SUMMARY_FILE} has format {summary['format']}, not {FORMAT}")
    verdict, reasons = verdict_of(summary)
    rows, catalogue = summary["rows"]["by_split"], summary["catalogue"] or {}
    is_new = summary.get("pushed_by", THIS_RUN) == THIS_RUN
    return {
        "verdict": verdict,
        "reasons": reasons,
        "started": summary.get("started"),
        "run_id": summary["run_id"],
        "pipeline": summary["pipeline"],
        "pushed_version": version_of(summary["pushed_model"]) if is_new else None,
        "not_pushed": summary.get("not_pushed"),
        "served_version": version_of(summary.get("served_model") or summary["pushed_model"]),
        **_metrics((summary["gate"] or {}).get("headlines", {})),
        **_steps(summary["metrics"]),
        **_by_split("rows", {split: counts["kept"] for split, counts in rows.items()}),
        **_by_split(
            "rejects", {split: sum(counts["rejected"].values()) for split, counts in rows.items()}
        ),
        **_by_split("sessions", summary["sessions"]),
        **_by_split("items", summary["items"]),
        "catalogue_items": catalogue.get("items"),
        "offered_items": (summary.get("offers") or {}).get("offered") if is_new else None,
        **_drift(summary.get("data_checks", [])),
        "warnings": summary["warnings"],
        "seconds": summary["seconds"]["total"],
        "cpu_seconds": summary["seconds"].get("cpu"),
        "disk_bytes": summary.get("disk_bytes"),
    }


def shown_baseline(headlines: Mapping[str, Any]) -> str | None:
    """Returns the baseline that is shown beside the model: STAN, else the best one."""
    others = [name for name in headlines if name not in (CANDIDATE, LAST_BLESSED)]
    if STRONGEST in others:
        return STRONGEST
    return max(others, key=lambda name: headlines[name][METRICS[0]]["value"] or 0, default=None)


def _metrics(headlines: Mapping[str, Any]) -> Row:
    baseline = shown_baseline(headlines)
    row: Row = {BASELINE: baseline}
    columns = {CANDIDATE: CANDIDATE, BASELINE: baseline, LAST_BLESSED: LAST_BLESSED}
    for model, column in columns.items():
        found = headlines.get(column, {}) if column else {}
        for metric in METRICS:
            estimate = found.get(metric) or {"value": None, "interval": None}
            low, high = estimate["interval"] or (None, None)
            row[metric_column(model, metric)] = estimate["value"]
            row[metric_column(model, metric, "low")] = low
            row[metric_column(model, metric, "high")] = high
    return row


def _steps(metrics: Mapping[str, Any]) -> Row:
    """Returns the numbers of evaluated steps, and the share with a target unknown to training."""
    row: Row = {name: metrics.get(name) for name in COUNTS}
    honest, known = (metrics.get(count_name(view, "all")) for view in ("honest", "known"))
    row["oov_share"] = 1 - known / honest if honest and known is not None else None
    return row


def _by_split(name: str, counts: Mapping[str, Any]) -> Row:
    return {f"{name}.{split}": counts.get(split) for split in SPLITS}


def _drift(checks: Iterable[Mapping[str, Any]]) -> Row:
    found = {check["name"]: check["value"] for check in checks}
    return {name: found.get(f"max_{name}") for name in DRIFT}


def _of_failure(failure: Mapping[str, Any]) -> Row:
    node, cause = failure["node"], failure["cause"]
    return {
        "verdict": FAILED,
        "reasons": [f"{node}: {cause}" if node else cause],
        "started": failure["started"],
        "pipeline": failure["pipeline"],
        "served_version": version_of(failure["served_model"]),
        "seconds": failure["seconds"],
    }


def _of_refresh(refresh: Mapping[str, Any]) -> Row:
    return {
        "verdict": REFRESHED,
        "reasons": [
            f"version {version_of(refresh['base'])} with {refresh['offered']:,} of "
            f"{refresh['catalogue']:,} items recommendable"
            + (f", {refresh['new']:,} of them new" if "new" in refresh else "")
        ],
        "started": refresh["started"],
        "catalogue_items": refresh.get("catalogue"),
        "offered_items": refresh.get("offered"),
        "base_version": version_of(refresh["base"]),
        "pushed_version": version_of(refresh["pushed_model"]),
        "served_version": version_of(refresh["pushed_model"]),
        "seconds": refresh["seconds"],
    }


def _of_release(change: Mapping[str, Any]) -> Row:
    versions = ", ".join(change["versions"])
    who = f"by {change['by']}" + (f": {change['why']}" if change["why"] else "")
    return {
        "verdict": change["change"],
        "reasons": [f"version {versions} {who}" if versions else who],
        "started": change["started"],
        "served_version": version_of(change["served_model"]),
    }
