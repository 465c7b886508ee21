"""The results as plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.gate.check_record import FAILED, PASSED
from modules.messages.counting import counted
from modules.messages.text_table import aligned
from pipeline.monitor.measure import CLICK_THROUGH, EMPTY, MRR, NAMES, RECALL

Report = Mapping[str, Any]


def format_report(report: Report) -> str:
    """Returns the results as tables: groups, versions, the version on trial, and limits."""
    blocks = [_facts(report), aligned(_groups(report), left=(0, 1)), aligned(_versions(report))]
    if report["canary"]:
        blocks.append(_canary(report["canary"]))
    missing = [
        f"Not compared, version {name}: {reason}."
        for name, version in report["versions"].items()
        for reason in version["missing"]
    ]
    blocks += [missing, report["warnings"], _limits(report)]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _facts(report: Report) -> list[str]:
    log, clicks = report["requests"], report["clicks"]
    left_out = [
        f"{counted(log[name], 'row')} {words}"
        for name, words in (("broken", "not whole"), ("repeated", "repeated"))
        if log[name]
    ]
    lines = [
        f"{counted(log['requests'], 'request')} of {counted(log['sessions'], 'session')}, "
        f"{log['first']} to {log['last']}"
        + (f"; left out: {', '.join(left_out)}" if left_out else "")
    ]
    if clicks:
        lines.append(
            f"{counted(clicks['read'], 'click')}; {clicks['sessions']:,} of the sessions have any, "
            f"{clicks['with_target']:,} requests have a next click"
        )
    return lines


def _groups(report: Report) -> list[list[str]]:
    header = ["Version", "label", "requests", "sessions"]
    header += [part for name in (RECALL, MRR, CLICK_THROUGH) for part in (NAMES[name], "")]
    table = [[*header, "empty", "p50 ms", "p99 ms"]]
    for group in report["groups"]:
        cells = [
            cell
            for name in (RECALL, MRR, CLICK_THROUGH)
            for cell in _estimate(group["metrics"].get(name))
        ]
        table.append(
            [
                group["version"],
                group["label"] or "-",
                f"{group['requests']:,}",
                f"{group['sessions']:,}",
                *cells,
                percent(group["metrics"][EMPTY]["value"]),
                f"{group['p50_ms']:.1f}",
                f"{group['p99_ms']:.1f}",
            ]
        )
    return table


def _estimate(estimate: Report | None) -> tuple[str, str]:
    """Returns a value and its interval."""
    if estimate is None or estimate["value"] is None:
        return "-", ""
    low, high = estimate["interval"] or (estimate["value"], estimate["value"])
    return f"{estimate['value']:.4f}", f"[{low:.4f}, {high:.4f}]"


def percent(value: float | None) -> str:
    """Returns a share as text.

    >>> percent(0.0123), percent(None)
    ('1.23%', '-')
    """
    return "-" if value is None else f"{value:.2%}"


def _versions(report: Report) -> list[list[str]]:
    header = ["Version", "pushed (UTC)", "learned until", "age, days", "unknown items"]
    distances = ["items (L-inf)", *(f"{words} (JS)" for words in _DIVERGENCES.values())]
    table = [[*header, "clicks on unknown", "mean length", "trained", *distances]]
    for name, version in report["versions"].items():
        age = version["age_days"]
        table.append(
            [
                name,
                minute(version["pushed"]),
                minute(version["learned_until"]),
                "-" if age is None else f"{age:,.1f}",
                percent(version["oov_share"]),
                percent(version["stale_share"]),
                number(version["mean_length"], ".2f"),
                number(version["trained_mean_length"], ".2f"),
                distance_text(version["distances"].get("item_ids"), "change"),
                *(distance_text(version["distances"].get(feature)) for feature in _DIVERGENCES),
            ]
        )
    return table


_DIVERGENCES = {"item_ids": "items", "popularity": "popularity", "session_length": "lengths"}


def distance_text(distance: Report | None, key: str = "divergence") -> str:
    """Returns a distance, and what samples of training sessions have.

    >>> distance_text({"divergence": 0.1234, "expected_divergence": 0.2})
    '0.123 (noise 0.200)'
    """
    if not distance:
        return "-"
    noise = distance[f"expected_{key}"]
    return f"{distance[key]:.3f}" + ("" if noise is None else f" (noise {noise:.3f})")


def number(value: float | None, form: str) -> str:
    """Returns a value in a format, a dash without one."""
    return "-" if value is None else f"{value:{form}}"


def minute(time: str | None) -> str:
    """Returns a time to the minute."""
    return time[:16].replace("T", " ") if time else "-"


def _canary(canary: Report) -> list[str]:
    stable = ", ".join(canary["stable"]) or "none"
    head = (
        f"Canary {canary['version']} minus stable ({stable}), {minute(canary['first'])} to "
        f"{minute(canary['last'])}, {canary['sessions'][0]:,} and {canary['sessions'][1]:,} "
        f"sessions: {canary['verdict']}"
    )
    table = [["", "difference", "", "sessions", "verdict", "why"]]
    for name, found in canary["metrics"].items():
        low, high = found["interval"] or (None, None)
        shown = "" if low is None else f"[{low:+.4f}, {high:+.4f}]"
        cells = [NAMES[name], number(found["value"], "+.4f"), shown, f"{found['sessions']:,}"]
        table.append([*cells, found["verdict"], found["reason"]])
    return [head, *aligned(table, left=(0, 4, 5))]


def _limits(report: Report) -> list[str]:
    checks = report["checks"]
    failed = [check for check in checks if check["verdict"] == FAILED]
    if not checks:
        return ["Limits: none is set (section monitor)"]
    passed = sum(check["verdict"] == PASSED for check in checks)
    lines = [
        f"Limits: {counted(len(failed), 'exceeded', 'exceeded')}, {passed} of {len(checks)} kept"
    ]
    return lines + [
        f"  {check['verdict']}: version {check['version']}: {check['reason']} "
        f"[monitor.{check['name']}]"
        for check in checks
        if check["verdict"] != PASSED
    ]
