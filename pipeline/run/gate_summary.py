"""What the model gate decided, as the run's summary tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.gate.checks import CHANGE, FILE_NAME, SLICE_CHANGE, VALUE

_NOT_JUDGED = {
    "blessed": False,
    "reasons": ["no node judged the model"],
    "gates": [],
    "gate": None,
    "baselines": {},
    "beyond_accuracy": {},
    "last_blessed_metrics": {},
}
# Of summary.json's `gates`; each is a threshold of a metric or of a change.
_GATE_KEYS = ("metric", "kind", "threshold", "value", "n", "passed")
_GATE_KINDS = (VALUE, CHANGE, SLICE_CHANGE)


def read_verdict(folder: str) -> dict[str, Any]:
    """Reads the artifact `verdict` of the model gate."""
    content: dict[str, Any] = json.loads(Path(folder, FILE_NAME).read_text("utf-8"))
    return content


def verdict_part(verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the summary's keys about blessing and comparisons; None where no gate ran."""
    if verdict is None:
        return dict(_NOT_JUDGED)
    metrics = verdict["metrics"]
    rows = [row for row in verdict["rows"] if row["kind"] in _GATE_KINDS]
    return {
        "blessed": verdict["blessed"],
        "reasons": verdict["reasons"],
        "gates": [{key: row[key] for key in _GATE_KEYS} for row in rows],
        "gate": {
            key: verdict[key]
            for key in ("rows", "judged", "candidate", "last_blessed", "headlines", "slices")
        },
        "baselines": {
            name: values
            for name, values in metrics.items()
            if name not in (CANDIDATE, LAST_BLESSED)
        },
        "beyond_accuracy": verdict.get("beyond_accuracy", {}),
        "last_blessed_metrics": metrics.get(LAST_BLESSED, {}),
    }
