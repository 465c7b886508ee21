"""The summary of a run as text for the console."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from modules.evaluation.metric_names import HEADLINE_METRICS, STEPS, VIEWS
from modules.gate.metric_checks import SLICE_CHANGE
from modules.gate.relaxing_options import relaxing_option
from modules.messages.counting import counted
from modules.messages.text_table import aligned
from modules.push_origin import THIS_RUN
from modules.training.selection_text import describe_selection

_COLUMNS = tuple(dict.fromkeys([*HEADLINE_METRICS, "ndcg@20"]))


def format_report(summary: Mapping[str, Any]) -> str:
    """Returns the last lines of a run, from the result of `pipeline.run.summary.summarize`."""
    parts = [
        _headline(summary),
        _data(summary),
        "\n".join(f"Warning: {warning}" for warning in summary["warnings"]),
        _selection(summary),
        _metrics(summary),
        _verdict(summary),
        _recommendations(summary),
    ]
    return "\n\n".join(part for part in parts if part)


def _headline(summary: Mapping[str, Any]) -> str:
    nodes, seconds = summary["nodes"], summary["seconds"]["total"]
    name = summary["pipeline"]
    if not nodes["ran"]:
        return (
            f"Pipeline {name}: nothing had to run, {counted(len(nodes['cached']), 'node')} came "
            f"from the cache ({seconds:.1f} s). The results are those of the previous run:"
        )
    cached = f", {counted(len(nodes['cached']), 'node')} from the cache" if nodes["cached"] else ""
    return f"Pipeline {name} finished in {seconds:.1f} s{cached}."


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _data(summary: Mapping[str, Any]) -> str:
    by_split = summary["rows"]["by_split"]
    if not by_split:
        return ""
    rows = [["Data", "files", "rows read", "kept", "rejected", "sessions", "items"]]
    for split, counts in by_split.items():
        # A split that was cut from another one has no rows of its own to read or reject.
        rejected = None if counts["read"] is None else sum(counts["rejected"].values())
        values = [summary["files"][split], counts["read"], counts["kept"], rejected]
        values += [summary["sessions"][split], summary["items"][split]]
        rows.append([f"  {split}", *map(_count, values)])
    lines = aligned(rows)
    if reasons := [f"{name} {n:,}" for name, n in summary["rows"]["rejected"].items() if n]:
        lines.append(f"Rejected: {', '.join(reasons)}")
    lines += _dropped(by_split)
    if catalogue := summary["catalogue"]:
        lines.append(
            f"Catalogue: {catalogue['items']:,} items to recommend, of "
            f"{catalogue['known_items']:,} in the training data"
        )
    return "\n".join(lines)


def _dropped(by_split: Mapping[str, Any]) -> list[str]:
    """Says how many valid rows were left out by the options."""
    totals: Counter[str] = Counter()
    for counts in by_split.values():
        totals.update(counts["dropped"])
    parts = [f"{name.replace('_', ' ')} {count:,}" for name, count in totals.items() if count]
    if totals.get("forgotten") == 0:
        parts.append("forgotten 0 (no id of sessions.forget_file, one a line, is in the log)")
    return [f"Rows left out: {', '.join(parts)}"] if parts else []


def _selection(summary: Mapping[str, Any]) -> str:
    """Says what was selected on `eval`, and when: it may serve for several days."""
    try:
        return f"Training: {describe_selection(summary.get('choices') or {})}"
    except ValueError:  # no model, or one of a former version
        return ""


def _metrics(summary: Mapping[str, Any]) -> str:
    metrics = summary["metrics"]
    if not metrics:
        return ""
    rows: list[tuple[str, ...]] = [(f"Metrics ({summary['evaluated_split']})", *_COLUMNS, "steps")]
    for view in VIEWS:
        for steps in STEPS:
            name = f"{view}/{steps}"
            values = [metrics.get(f"{name}/{column}") for column in _COLUMNS]
            cells = ["-" if value is None else f"{value:.4f}" for value in values]
            rows.append((f"  {name}", *cells, _count(metrics.get(f"{name}/n"))))
    return "\n".join(aligned(rows))


def _verdict(summary: Mapping[str, Any]) -> str:
    """Says whether the model was blessed and pushed, and why not; the gate printed its table."""
    if summary["blessed"]:
        passed = sum(row["verdict"] == "passed" for row in summary["gate"]["rows"])
        lines = [f"Blessed: yes, {counted(passed, 'check')} passed"]
    else:
        lines = _refusal(summary)
    page = [f"Report:  {summary['report']}"] if summary.get("report") else []
    return "\n".join(
        [*lines, _pushed(summary), *_offers(summary), *_serving(summary), *_index(summary), *page]
    )


def _refusal(summary: Mapping[str, Any]) -> list[str]:
    """Says why the model is not blessed, and what to do next; the gate has listed the slices."""
    gate = summary["gate"]
    if not gate:
        return ["Blessed: no", *(f"  {reason}" for reason in summary["reasons"])]
    failed = [row for row in gate["rows"] if not row["passed"]]
    slices = [row for row in failed if row["kind"] == SLICE_CHANGE]
    reasons = [(row["reason"], row) for row in failed if row["kind"] != SLICE_CHANGE]
    if slices:
        found = f"{counted(len(slices), 'slice')} fell behind the last blessed model"
        reasons.append((found, slices[0]))
    options = {reason: relaxing_option(row) for reason, row in reasons}
    lines = [f"  {reason}{option and f' [{option}]'}" for reason, option in options.items()]
    where = "the report below has" if summary.get("report") else "ModelGate's table in the log has"
    relaxing = ", an option in brackets relaxes its check" if any(options.values()) else ""
    return [
        f"Blessed: no, {len(failed)} of {counted(len(gate['rows']), 'check')} failed",
        *lines,
        f"  What to do: {where} all numbers{relaxing}; see docs/evaluation.md, The gate",
    ]


def _pushed(summary: Mapping[str, Any]) -> str:
    folder = summary["pushed_model"]
    if not folder:
        reason = summary.get("not_pushed")  # former summaries have none
        return "Pushed:  nothing" + (f", since {reason}" if reason else "")
    origin = summary.get("pushed_by", THIS_RUN)  # former summaries have none
    new = "" if origin == THIS_RUN else f"nothing new, since {origin} pushed this model: "
    return f"Pushed:  {new}{folder}"


def _offers(summary: Mapping[str, Any]) -> list[str]:
    """Says how much of its catalogue the pushed version recommends."""
    found = summary.get("offers")  # former summaries have none
    if not found:
        return []
    return [f"Offered: {found['offered']:,} of {found['catalogue']:,} items, by {found['items']}"]


def _serving(summary: Mapping[str, Any]) -> list[str]:
    """Says why a model that the gate blessed could not be pushed."""
    check = summary["serving_check"]
    if not check or check["passed"]:
        return []
    return ["  The serving check failed:", *(f"  {reason}" for reason in check["reasons"])]


def _index(summary: Mapping[str, Any]) -> list[str]:
    """Names the approximate index with its recall and latency, or why it was not pushed."""
    index = summary.get("index")
    if not index:
        return []
    if not index["passed"]:
        return ["Index:   refused, not pushed", *(f"  {reason}" for reason in index["reasons"])]
    found = index["figures"]
    exact, approximate = found["exact"]["p50_ms"], found["approximate"]["p50_ms"]
    return [
        f"Index:   {index['pushed'] or 'nothing, as the model was not pushed'}",
        f"  recall@100 {found['recall@100']:.4f}, {approximate:.2f} ms instead of {exact:.2f} ms",
    ]


def _recommendations(summary: Mapping[str, Any]) -> str:
    found = summary["recommendations"]
    if not found:
        return "Recommendations: none, since no model has been pushed yet"
    lines = [f"Recommendations for sessions of split {found['split']}:"]
    for session in found["sessions"]:
        lines.append(f"  {', '.join(session['items'])}  ->  {', '.join(session['recommended'])}")
    if found["model"] != summary["pushed_model"]:
        lines.insert(1, f"  (by the newest pushed model, {found['model']})")
    return "\n".join(lines)
