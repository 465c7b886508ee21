"""The checks of any loaded model's answers; plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modules.gate.check_record import Check, outcome

# Packages that only training needs; a server does not have them.
FOREIGN = ("apache_beam", "modules", "tensorflow_recommenders", "tensorflow_transform", "tfx")

Answers = Mapping[str, Any]


def loads_alone(
    modules: Sequence[str], foreign: Sequence[str] = FOREIGN, needed: str = "TensorFlow alone loads"
) -> Check:
    """Passes if the process loaded none of the `foreign` packages."""
    found = [name for name in foreign if name in modules]
    text = f"loads {', '.join(found)}" if found else f"{needed} it"
    return Check("loads", outcome(not found), text)


def answer_rows(answers: Answers) -> list[tuple[list[str], list[float]]]:
    """Returns the items and the scores of each session's answer."""
    return list(zip(answers["item_ids"], answers["scores"], strict=True))


def well_formed(*answers: Answers) -> Check:
    """Checks the form of answers: `item_ids` and `scores`, a row per session."""
    rows = [row for answer in answers for row in answer_rows(answer)]
    widths = {len(items) for items, _ in rows}
    problems = {
        "not all equally long": len(widths) > 1,
        "empty": 0 in widths,
        "with an item twice": any(len(set(items)) < len(items) for items, _ in rows),
        "not sorted": any((np.diff(scores) > 0).any() for _, scores in rows),
        "not finite": any(not np.isfinite(scores).all() for _, scores in rows),
    }
    found = [problem for problem, is_found in problems.items() if is_found]
    text = f"{len(rows)} answers, {', '.join(found) or 'sorted, finite and equally long'}"
    return Check("form", outcome(not found), text)
