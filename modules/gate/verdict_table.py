"""The verdict as text, from the JSON alone: a table of all checks, then the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from modules.gate.check_record import PASSED, SKIPPED
from modules.gate.metric_checks import BASELINE, CHANGE, SLICE_CHANGE
from modules.messages.counting import counted
from modules.messages.text_table import aligned

HEAD = (
    "metric",
    "candidate",
    "best baseline",
    "last blessed",
    "must be",
    "n",
    "difference or value [interval]",
    "verdict",
)
_LEFT = {0, 2, 4, 6, 7}


def format_verdict(verdict: Mapping[str, Any]) -> str:
    """Returns the table of the checks; slices that passed share a line. Then why any was skipped.

    Args:
      verdict: content of `verdict.json`.
    """
    rows = [HEAD, *(_row(row) for row in verdict["rows"] if not is_quiet(row))]
    lines = aligned(rows, _LEFT)
    slices = sum(is_quiet(row) and row["verdict"] == PASSED for row in verdict["rows"])
    if slices:
        found = counted(slices, "slice")
        lines.append(f"{found} against the last blessed model: passed")
    lines += slices_not_compared(verdict["rows"])
    lines += reach_in_words(verdict)
    for row in verdict["rows"]:
        if row["verdict"] == SKIPPED and row["kind"] != SLICE_CHANGE:
            lines.append(f"skipped: {row['reason']}")
    return "\n".join([*lines, *_beyond_accuracy(verdict.get("beyond_accuracy") or {})])


def slices_not_compared(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns a line that names the slices in which the models have no step in common, if any."""
    names = [
        row["metric"] for row in rows if row["kind"] == SLICE_CHANGE and row["verdict"] == SKIPPED
    ]
    if not names:
        return []
    return [f"skipped, since no target there can be recommended by both models: {', '.join(names)}"]


def reach_in_words(verdict: Mapping[str, Any]) -> list[str]:
    """Returns a line about the targets that only one of both models can recommend, if any.

    Args:
      verdict: content of `verdict.json`.
    """
    found = verdict.get("reach")
    if not found or not (found["gained"] or found["lost"]):
        return []
    return [
        f"Reach: {found['gained']:,} steps have a target that only this model can recommend, "
        f"{found['lost']:,} one that only the last blessed model can; slices leave both out, the "
        "changes over all steps count them"
    ]


def _beyond_accuracy(found: Mapping[str, Any]) -> list[str]:
    if not found.get("prefixes"):
        return []
    shown = [f"{name} {number(found[name]['value'])}" for name in found if "@" in name]
    prefixes = counted(found["prefixes"], "prefix", "prefixes")
    return [f"Recommendations for {prefixes}: {', '.join(shown)}"]


def is_quiet(row: Mapping[str, Any]) -> bool:
    """Returns whether a check needs no line: a slice that did not get worse, or was skipped."""
    return bool(row["kind"] == SLICE_CHANGE and row["passed"])


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    best = row["best_baseline"]
    return (
        row["metric"],
        number(row["candidate"]),
        f"{number(best['value'])} {best['name']}" if best else "-",
        number(row["last_blessed"]),
        _limit(row),
        "-" if row["n"] is None else f"{row['n']:,}",
        _found(row),
        row["verdict"],
    )


def number(value: float | None) -> str:
    """Formats a share with four digits, a count in full, None as a dash."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.4f}"


def _limit(row: Mapping[str, Any]) -> str:
    kind, limit = row["kind"], row["threshold"]
    if kind == BASELINE:
        margin = f" {limit:+g}" if limit else ""
        return f"> {row['against']}{margin}"
    if limit is None:
        return "-"
    if kind in (CHANGE, SLICE_CHANGE):
        return f">= last blessed {limit:+g}" if limit else ">= last blessed"
    return f"{'<=' if row['limit_is_high'] else '>='} {number(limit)}"


def _found(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    is_difference = row["kind"] in (BASELINE, CHANGE, SLICE_CHANGE)
    if row["interval"] is None or row["metric"].endswith("/n"):
        return f"{row['value']:+.4f}" if is_difference else number(row["value"])
    sign = "+" if is_difference else ""
    low, high = row["interval"]
    return f"{row['value']:{sign}.4f} [{low:{sign}.4f}, {high:{sign}.4f}]"
