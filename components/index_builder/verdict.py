"""The verdict on an approximate index: a file beside the artifact, and a few words for people."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tfx.dsl.io import fileio

from components.index_builder.checks import APPROXIMATE, EXACT

VERDICT_NAME = "verdict.json"


def read_verdict(folder: str) -> dict[str, Any]:
    """Returns what the node wrote: `passed`, `checks`, `figures` and `options`."""
    with fileio.open(os.path.join(folder, VERDICT_NAME), "r") as file:
        content: dict[str, Any] = json.loads(file.read())
    return content


def reasons(verdict: Mapping[str, Any]) -> list[str]:
    """Returns why an index is refused, a line for each failed check."""
    failed = [check for check in verdict["checks"] if not check["passed"]]
    return [f"{check['name']}: {check['explanation']}" for check in failed]


def summary_line(verdict: Mapping[str, Any]) -> str:
    """Says in a few words what came of it, and why nothing is pushed if so."""
    word = "passed" if verdict["passed"] else "failed, it is not pushed"
    told = f"; {_told(verdict['figures'])}" if verdict["figures"] else ""
    return "\n  ".join([f"Approximate index: {word}{told}", *reasons(verdict)])


def _told(figures: Mapping[str, Any]) -> str:
    latencies = (
        f"{name} {figures[name]['p50_ms']:.2f} / {figures[name]['p99_ms']:.2f} ms"
        for name in (EXACT, APPROXIMATE)
    )
    return (
        f"recall@100 {figures['recall@100']:.4f} over {figures['sessions']} sessions, "
        f"p50 / p99 {', '.join(latencies)}"
    )
