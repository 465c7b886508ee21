"""What the answers of a loaded model must be like; plain Python."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.serving_validator.latency import PERCENTILES, percentiles
from components.serving_validator.options import ServingOptions

SIGNATURES = (
    "serving_default",
    "recommend",
    "recommend_filtered",
    "embed_query",
    "embed_items",
)
# What only training needs; a server does not have it.
FOREIGN = ("apache_beam", "modules", "tensorflow_recommenders", "tensorflow_transform", "tfx")
# Scores that differ by less are the same number, summed in another order.
TOLERANCE = 1e-3

Answers = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
      name: of the check.
      passed: whether the model may be pushed for all that this check knows.
      explanation: what was found.
    """

    name: str
    passed: bool
    explanation: str


def check_answers(answers: Answers, expected: Answers, options: ServingOptions) -> list[Check]:
    """Judges what the model answered.

    Args:
      answers: what `client.ask` returned.
      expected: the trainer's answers to the sessions `known`: `item_ids` and `scores`.
      options: the limits.
    """
    return [
        _signatures(answers["signatures"]),
        loads_alone(answers["modules"]),
        _as_trained(answers["known"], expected),
        well_formed(answers["real"], answers["fallback"]),
        _same_both_ways(answers["real"], answers["real_as_examples"]),
        *_latency(answers["milliseconds"], options),
    ]


def _signatures(found: Sequence[str]) -> Check:
    missing = [name for name in SIGNATURES if name not in found]
    text = f"{', '.join(missing)} missing" if missing else f"all {len(SIGNATURES)} are there"
    return Check("signatures", not missing, text)


def loads_alone(
    modules: Sequence[str], foreign: Sequence[str] = FOREIGN, needed: str = "TensorFlow alone loads"
) -> Check:
    """Judges which modules the process loaded that asked the model: none of `foreign`."""
    found = [name for name in foreign if name in modules]
    text = f"loads {', '.join(found)}" if found else f"{needed} it"
    return Check("loads", not found, text)


def agrees(found: Mapping[str, float], expected: Mapping[str, float]) -> bool:
    """Tells whether two answers to a session are the same but for items that tie.

    Args:
      found: score by item id.
      expected: score by item id.

    >>> agrees({"a": 2.0, "b": 1.0}, {"a": 2.0, "c": 1.0})
    True
    >>> agrees({"a": 2.0, "b": 1.0}, {"a": 2.0, "c": 1.5})
    False
    """
    if len(found) != len(expected):
        return False
    lowest = min(expected.values(), default=0.0)
    return all(
        math.isclose(score, expected.get(item, lowest), rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        for item, score in found.items()
    ) and all(
        math.isclose(score, found.get(item, lowest), rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        for item, score in expected.items()
    )


def _as_trained(found: Answers, expected: Answers) -> Check:
    sessions = len(expected["item_ids"])
    same = sum(
        agrees(dict(zip(*one, strict=True)), dict(zip(*other, strict=True)))
        for one, other in zip(_rows(found), _rows(expected), strict=True)
    )
    text = f"{same} of {sessions} sessions are answered as by the trainer"
    return Check("answers", same == sessions, text)


def _rows(answers: Answers) -> list[tuple[list[str], list[float]]]:
    return list(zip(answers["item_ids"], answers["scores"], strict=True))


def well_formed(*answers: Answers) -> Check:
    """Judges the form of answers: `item_ids` and `scores`, a row for each session."""
    rows = [row for answer in answers for row in _rows(answer)]
    widths = {len(items) for items, _ in rows}
    faults = {
        "not all equally long": len(widths) > 1,
        "empty": 0 in widths,
        "with an item twice": any(len(set(items)) < len(items) for items, _ in rows),
        "not sorted": any((np.diff(scores) > 0).any() for _, scores in rows),
        "not finite": any(not np.isfinite(scores).all() for _, scores in rows),
    }
    found = [fault for fault, there in faults.items() if there]
    text = f"{len(rows)} answers, {', '.join(found) or 'sorted, finite and equally long'}"
    return Check("form", not found, text)


def _same_both_ways(by_ids: Answers, by_examples: Answers) -> Check:
    rows = list(zip(_rows(by_ids), _rows(by_examples), strict=True))
    same = sum(
        agrees(dict(zip(*one, strict=True)), dict(zip(*other, strict=True))) for one, other in rows
    )
    text = f"{same} of {len(rows)} sessions get the same answer as ids and as tf.Examples"
    return Check("examples", same == len(rows), text)


def _latency(milliseconds: Sequence[float], options: ServingOptions) -> list[Check]:
    checks = []
    found = percentiles(milliseconds) if milliseconds else {}
    for figure in PERCENTILES:
        took = found.get(figure)
        limit = getattr(options, f"max_{figure}")
        # What was not measured does not keep a limit.
        passed = limit is None or (took is not None and took <= limit)
        text = "no session to time" if took is None else f"{took:.2f} ms for one session"
        if limit is not None:
            text += f", at most {limit:g}"
            if took is None:
                text += f": give the evaluation split sessions, or set serving.max_{figure}=null"
        checks.append(Check(f"{figure.removesuffix('_ms')} latency", passed, text))
    return checks
