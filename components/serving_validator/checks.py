"""What the answers of a loaded model must be like; plain Python."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from modules.config.serving import ServingOptions
from modules.gate.check import Check, outcome
from modules.serving.answer_checks import Answers, answer_rows, loads_alone, well_formed
from modules.serving.latency import PERCENTILES, percentiles

SIGNATURES = (
    "serving_default",
    "recommend",
    "recommend_filtered",
    "embed_query",
    "embed_items",
)
# Scores that differ by less are the same number, summed in another order.
TOLERANCE = 1e-3


def check_answers(answers: Answers, expected: Answers, options: ServingOptions) -> list[Check]:
    """Checks what the model answered.

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
    return Check("signatures", outcome(not missing), text)


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
        for one, other in zip(answer_rows(found), answer_rows(expected), strict=True)
    )
    text = f"{same} of {sessions} sessions are answered as by the trainer"
    return Check("answers", outcome(same == sessions), text)


def _same_both_ways(by_ids: Answers, by_examples: Answers) -> Check:
    rows = list(zip(answer_rows(by_ids), answer_rows(by_examples), strict=True))
    same = sum(
        agrees(dict(zip(*one, strict=True)), dict(zip(*other, strict=True))) for one, other in rows
    )
    text = f"{same} of {len(rows)} sessions get the same answer as ids and as tf.Examples"
    return Check("examples", outcome(same == len(rows)), text)


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
        checks.append(Check(f"{figure.removesuffix('_ms')} latency", outcome(passed), text))
    return checks
