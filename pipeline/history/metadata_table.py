"""The runs of an output folder as a table, from ML Metadata and the verdicts of the gate."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.evaluation.metric_names import headline_names
from modules.evaluation.rank_table import CANDIDATE
from modules.messages.text_table import aligned
from modules.push_origin import THIS_RUN
from pipeline.run.gate_results import read_verdict, serving_check
from pipeline.run.mlmd import RunRecord, read_runs
from serving.lineage import RefreshRecord, read_refreshes

_METRICS = headline_names(steps=("all",))


def format_history(metadata: Path) -> str:
    """Returns a line per run, and per refresh of a model, below a header, the newest last.

    Args:
      metadata: SQLite file of ML Metadata.

    Raises:
      MetadataFileError: the file cannot be used.
    """
    header = ("Run", "ran", "cached", "blessed", *_METRICS, "pushed")
    rows = [(run.recorded, _row(run)) for run in read_runs(metadata)][::-1]
    rows += [(found.recorded, _refresh_row(found)) for found in read_refreshes(metadata)]
    in_order = [row for _, row in sorted(rows, key=lambda row: row[0])]
    return "\n".join(aligned([header, *in_order], (0, len(header) - 1)))


def _refresh_row(found: RefreshRecord) -> tuple[str, ...]:
    time = datetime.datetime.fromtimestamp(found.recorded / 1000).isoformat(timespec="seconds")
    items = f"{found.offered:,} of {found.catalogue:,} items"
    pushed = f"{found.version}: refreshed from {found.base}, {items}"
    return (time, *["-"] * (3 + len(_METRICS)), pushed)


def _row(run: RunRecord) -> tuple[str, ...]:
    verdict = _verdict(run)
    metrics = verdict["metrics"][CANDIDATE] if verdict else {}
    values = [metrics.get(name) for name in _METRICS]
    return (
        run.run_id,
        str(len(run.ran(resolvers=True))),
        str(len(run.cached())),
        "-" if verdict is None else "yes" if verdict["blessed"] else "no",
        *("-" if value is None else f"{value:.4f}" for value in values),
        _pushed(run, verdict),
    )


def _verdict(run: RunRecord) -> Mapping[str, Any] | None:
    """Returns the gate's verdict; None if it did not run or its artifact is missing."""
    try:
        return read_verdict(run)
    except (OSError, ValueError):
        return None


def _serving_refusals(run: RunRecord) -> list[str]:
    """Returns why the serving check failed; nothing if its report is missing or of an old form."""
    try:
        return list((serving_check(run) or {"reasons": []})["reasons"])
    except (OSError, ValueError, KeyError):
        return []


def _pushed(run: RunRecord, verdict: Mapping[str, Any] | None) -> str:
    """Returns the version that was pushed, or why none was."""
    if folder := run.pushed_folder():
        origin = run.pushed_by()
        new = "" if origin == THIS_RUN else f"nothing new, since {origin} pushed "
        return f"{new}{Path(folder).name}"
    if failed := [name for name, node in run.nodes.items() if node.state == "FAILED"]:
        return f"nothing: {', '.join(sorted(failed))} failed"
    if "ModelGate" in run.nodes and verdict is None:
        return "nothing: the gate's verdict is missing"
    if verdict and not verdict["blessed"]:
        first, *more = verdict["reasons"]
        return f"nothing: {first}" + (f" and {len(more)} more" if more else "")
    if refused := _serving_refusals(run):
        return f"nothing: {refused[0]}"
    if reason := run.not_pushed():
        return f"nothing: {reason}"
    if "Pusher" in run.nodes:
        return "nothing: the run's log says why"
    return "nothing: the run has not got that far"
