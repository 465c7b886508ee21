"""The checks of a loaded model's answers; plain Python."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence

from modules.config.options.serving_validator import ServingValidatorOptions
from modules.gate.check_record import Check, outcome
from modules.serving.answer_checks import Answers, answer_rows, loads_alone, well_formed
from modules.serving.latency import PERCENTILES, Latency

SIGNATURES = ("serving_default", "recommend", "recommend_filtered", "embed_query", "embed_items")
# Scores that differ by less are equal but for the order of summation.
TOLERANCE = 1e-3


def check_answers(
    answers: Answers, expected: Answers, options: ServingValidatorOptions
) -> list[Check]:
    """Returns the checks of a model's answers.

    Args:
      answers: output of `modules.serving.isolated_probe.call_model`.
      expected: the trainer's answers to the sessions `known`: `item_ids` and `scores`.
      options: limits of the latency.
    """
    return [
        _signatures(answers["signatures"]),
        loads_alone(answers["modules"]),
        _same_answers("answers", answers["known"], expected, "are answered as by the trainer"),
        well_formed(answers["real"], answers["fallback"]),
        _same_answers(
            "examples",
            answers["real"],
            answers["real_as_examples"],
            "get the same answer as ids and as tf.Examples",
        ),
        *latency_checks(latency_of(answers), options),
    ]


def _signatures(found: Sequence[str]) -> Check:
    missing = [name for name in SIGNATURES if name not in found]
    text = f"{', '.join(missing)} missing" if missing else f"has all {len(SIGNATURES)}"
    return Check("signatures", outcome(not missing), text)


def agrees(found: Mapping[str, float], expected: Mapping[str, float]) -> bool:
    """Returns whether two answers to a session are the same but for items that tie.

    Args:
      found: score by item id.
      expected: score by item id.

    >>> agrees({"a": 2.0, "b": 1.0}, {"a": 2.0, "c": 1.0})
    True
    >>> agrees({"a": 2.0, "b": 1.0}, {"a": 2.0, "c": 1.5})
    False
    """
    lowest = min(expected.values(), default=0.0)
    close = functools.partial(math.isclose, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return len(found) == len(expected) and all(
        close(found.get(item, lowest), expected.get(item, lowest)) for item in {*found, *expected}
    )


def _same_answers(name: str, found: Answers, expected: Answers, sentence: str) -> Check:
    rows = list(zip(answer_rows(found), answer_rows(expected), strict=True))
    same = sum(
        agrees(dict(zip(*one, strict=True)), dict(zip(*other, strict=True))) for one, other in rows
    )
    return Check(name, outcome(same == len(rows)), f"{same} of {len(rows)} sessions {sentence}")


def latency_of(answers: Answers) -> Latency | None:
    """Returns the latency of single requests, None without a session."""
    return Latency.of(answers["times"], "recommend") if answers["real"]["item_ids"] else None


def latency_checks(latency: Latency | None, options: ServingValidatorOptions) -> list[Check]:
    """Returns a check per percentile of the latency of single requests; None meets no limit."""
    checks = []
    for name in PERCENTILES:
        limit = getattr(options, f"max_{name}")
        passed = limit is None or (latency is not None and latency.meets(name, limit))
        text = "no session to time" if latency is None else latency.text(name)
        if limit is not None:
            text += f", at most {limit:g}"
            if latency is None:
                text += f": give the evaluation split sessions, or set serving.max_{name}=null"
        checks.append(Check(f"{name.removesuffix('_ms')} latency", outcome(passed), text))
    return checks
