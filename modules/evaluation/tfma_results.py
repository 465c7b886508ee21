"""The Evaluator's results: metrics of the model, overall and by slice."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modules.evaluation.metric_names import overall_names


@dataclasses.dataclass(frozen=True)
class EvaluationRecord:
    """The content of an evaluation artifact.

    Attributes:
      metrics: metrics over all sessions by name; None for NaN.
      slices: metrics by slice, then by name.
    """

    metrics: Mapping[str, float | int | None]
    slices: Mapping[str, Mapping[str, float | int | None]]


def read_evaluation(folder: Path | str) -> EvaluationRecord:
    """Reads the artifact `evaluation` of an Evaluator."""
    import tensorflow_model_analysis as tfma

    values = list(_metric_values(tfma.load_metrics(str(folder))))
    overall = {name: value for part, name, value in values if not part}
    return EvaluationRecord(in_order(overall), _slices(values))


def _metric_values(records: Iterable[Any]) -> Iterable[tuple[str, str, float | int | None]]:
    """Yields (slice or '', metric, value)."""
    for record in records:
        keys = record.slice_key.single_slice_keys
        parts = [f"{key.column}={key.bytes_value.decode('utf-8', 'replace')}" for key in keys]
        for entry in record.metric_keys_and_values:
            path = entry.key.name.split("/", 3)  # such as honest/all/n/target_count=0
            name, step_slice = "/".join(path[:3]), "".join(path[3:])
            part = ",".join(filter(None, [*parts, step_slice]))
            yield part, name, plain_value(name, entry.value.double_value.value)


def plain_value(name: str, value: float) -> float | int | None:
    """Returns a metric as a plain value for JSON: None for NaN, an integer for a count."""
    if not math.isfinite(value):
        return None
    return int(value) if name.endswith("/n") else value


def in_order(values: Mapping[str, float | int | None]) -> dict[str, float | int | None]:
    """Sorts metrics by the order of `overall_names`; others, if any, come last."""
    order = overall_names()
    names = [*(name for name in order if name in values), *sorted(values.keys() - set(order))]
    return {name: values[name] for name in names}


def _slices(
    values: Iterable[tuple[str, str, float | int | None]],
) -> dict[str, dict[str, float | int | None]]:
    slices: dict[str, dict[str, float | int | None]] = {}
    for part, name, value in values:
        # Step slices of session slices are many and say little.
        if part and "," not in part:
            slices.setdefault(part, {})[name] = value
    return {part: in_order(slices[part]) for part in sorted(slices)}
