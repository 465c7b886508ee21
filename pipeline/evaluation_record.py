"""What the Evaluator found: metrics of the model and the last blessed one, and the gates."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modules.metrics import STEPS, VIEWS, all_metric_names, count_name

CANDIDATE, BASELINE = "candidate", "baseline"


def _number(value: float) -> str:
    """Formats a share with four digits, a count in full."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4f}"


@dataclasses.dataclass(frozen=True)
class Gate:
    """One threshold and how the model did.

    Attributes:
      metric: its name.
      kind: `value`, or `change` against the last blessed model.
      threshold: the least value or change that is blessed.
      value: the model's metric or change; None if there is none.
      n: steps behind the metric.
      passed: whether the threshold was met.
    """

    metric: str
    kind: str
    threshold: float
    value: float | None
    n: int | None
    passed: bool

    def reason(self) -> str:
        """Says in a line why this gate passed or not."""
        value = "nothing to measure" if self.value is None else _number(self.value)
        relation = "is not below" if self.passed else "is below"
        if self.kind == "change":
            value = "no difference known" if self.value is None else f"{self.value:+.4f}"
            return (
                f"{self.metric}: change from the last blessed model {value} {relation} "
                f"the limit {self.threshold:+g}"
            )
        return f"{self.metric}: {value} {relation} the threshold {_number(self.threshold)}"


@dataclasses.dataclass(frozen=True)
class EvaluationRecord:
    """An evaluation artifact.

    Attributes:
      metrics: of the model over all sessions, by name; NaN is None.
      last_blessed: the same of the model it was compared with; empty without one.
      slices: metrics by slice, then by name.
      gates: all thresholds.
    """

    metrics: Mapping[str, float | int | None]
    last_blessed: Mapping[str, float | int | None]
    slices: Mapping[str, Mapping[str, float | int | None]]
    gates: tuple[Gate, ...]


def read_evaluation(folder: Path | str) -> EvaluationRecord:
    """Reads the artifact `evaluation` of an Evaluator."""
    import tensorflow_model_analysis as tfma

    values = list(_metric_values(tfma.load_metrics(str(folder))))
    failed = _failures(tfma.load_validation_result(str(folder)))
    overall = {
        owner: {name: value for model, part, name, value in values if (model, part) == (owner, "")}
        for owner in (CANDIDATE, BASELINE)
    }
    thresholds = json.loads((Path(folder) / "eval_config.json").read_text("utf-8"))["evalConfig"]
    return EvaluationRecord(
        metrics=_in_order(overall[CANDIDATE]),
        last_blessed=_in_order(overall[BASELINE]),
        slices=_slices(values),
        gates=tuple(_gates(thresholds, overall[CANDIDATE], overall[BASELINE], failed)),
    )


def _metric_values(records: Iterable[Any]) -> Iterable[tuple[str, str, str, float | int | None]]:
    """Yields (model, slice or '', metric, value); differences are left to be computed again."""
    for record in records:
        keys = record.slice_key.single_slice_keys
        parts = [f"{key.column}={key.bytes_value.decode('utf-8', 'replace')}" for key in keys]
        for entry in record.metric_keys_and_values:
            if entry.key.is_diff:
                continue
            name, step_slice = _split(entry.key.name)
            part = ",".join([*parts, *([step_slice] if step_slice else [])])
            value = _plain(name, entry.value.double_value.value)
            yield entry.key.model_name or CANDIDATE, part, name, value


def _split(name: str) -> tuple[str, str]:
    """`honest/all/n/target_count=0` -> (`honest/all/n`, `target_count=0`); '' without a slice."""
    parts = name.split("/", 3)
    return "/".join(parts[:3]), parts[3] if len(parts) > 3 else ""


def _plain(name: str, value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if name.endswith("/n") else value


def _in_order(values: Mapping[str, float | int | None]) -> dict[str, float | int | None]:
    """Sorts metrics as they are listed everywhere; others, if any, come last."""
    order = [*all_metric_names(), *(count_name(view, steps) for view in VIEWS for steps in STEPS)]
    names = [*(name for name in order if name in values), *sorted(values.keys() - set(order))]
    return {name: values[name] for name in names}


def _slices(
    values: Iterable[tuple[str, str, str, float | int | None]],
) -> dict[str, dict[str, float | int | None]]:
    slices: dict[str, dict[str, float | int | None]] = {}
    for model, part, name, value in values:
        # A step slice of a session slice says little and is much.
        if model == CANDIDATE and part and "," not in part:
            slices.setdefault(part, {})[name] = value
    return {part: _in_order(slices[part]) for part in sorted(slices)}


def _failures(result: Any) -> set[tuple[str, str]]:
    """Returns (metric, kind) of every threshold that was not met."""
    return {
        (failure.metric_key.name, "change" if failure.metric_key.is_diff else "value")
        for validation in result.metric_validations_per_slice
        for failure in validation.failures
    }


def _gates(
    eval_config: Mapping[str, Any],
    model: Mapping[str, float | int | None],
    last_blessed: Mapping[str, float | int | None],
    failed: set[tuple[str, str]],
) -> Iterable[Gate]:
    for name, kind, threshold in _thresholds(eval_config):
        value, other = model.get(name), last_blessed.get(name)
        if kind == "change":
            value = None if value is None or other is None else value - other
        view_and_steps = name.rpartition("/")[0]
        n = model.get(f"{view_and_steps}/n")
        yield Gate(
            name, kind, threshold, value, None if n is None else int(n), (name, kind) not in failed
        )


def _thresholds(eval_config: Mapping[str, Any]) -> Iterable[tuple[str, str, float]]:
    """Yields (metric, kind, bound) of an EvalConfig in JSON; ours have lower bounds only."""
    for spec in eval_config.get("metricsSpecs", []):
        for name, per_slice in spec.get("perSliceThresholds", {}).items():
            for entry in per_slice["thresholds"]:
                threshold = entry["threshold"]
                if "valueThreshold" in threshold:
                    yield name, "value", float(threshold["valueThreshold"]["lowerBound"])
                if "changeThreshold" in threshold:
                    yield name, "change", float(threshold["changeThreshold"].get("absolute", 0.0))
