"""The runs of an output folder as a table, from ML Metadata and the verdicts of the gate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.evaluation.metric_names import headline_names
from modules.evaluation.rank_table import CANDIDATE
from modules.messages.text_table import aligned
from pipeline.run.gate_results import read_verdict, serving_check
from pipeline.run.mlmd import RunRecord, read_runs

_METRICS = headline_names(steps=("all",))


def format_history(metadata: Path) -> str:
    """Returns a line per run below a header, the newest last.

    Args:
      metadata: SQLite file of ML Metadata.

    Raises:
      MetadataFileError: the file cannot be used.
    """
    header = ("Run", "ran", "cached", "blessed", *_METRICS, "pushed")
    rows = [_row(run) for run in read_runs(metadata)]
    return "\n".join(aligned([header, *reversed(rows)], (0, len(header) - 1)))


def _row(run: RunRecord) -> tuple[str, ...]:
    verdict = _verdict(run)
    metrics = verdict["metrics"][CANDIDATE] if verdict else {}
    values = [metrics.get(name) for name in _METRICS]
    return (
        run.run_id,
        str(len(run.ran())),
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
        return Path(folder).name
    if failed := [name for name, node in run.nodes.items() if node.state == "FAILED"]:
        return f"nothing: {', '.join(sorted(failed))} failed"
    if "ModelGate" in run.nodes and verdict is None:
        return "nothing: the gate's verdict is missing"
    if verdict and not verdict["blessed"]:
        first, *more = verdict["reasons"]
        return f"nothing: {first}" + (f" and {len(more)} more" if more else "")
    if refused := _serving_refusals(run):
        return f"nothing: {refused[0]}"
    if "Pusher" in run.nodes:
        return "nothing: the run's log says why"
    return "nothing: the run has not got that far"
