"""Scores of unknown items of a session, in plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modules.serving.score_adjustments import SessionAdjustments


def own_scores(
    clicks: Sequence[str], known: Mapping[str, int], plain: np.ndarray, seen: SessionAdjustments
) -> dict[str, float]:
    """Returns the scores of the items among the latest clicks that are not known, by their ids.

    Args:
      clicks: latest clicks of a session.
      known: positions of the known items, which are the catalogue.
      plain: scores of the catalogue without adjustments.
      seen: the adjustments.
    """
    scored = {}
    for at, item in enumerate(clicks):
        if item in known or item in clicks[at + 1 :]:
            continue
        near = {
            other: 1 / abs(other - at)
            for other in range(max(at - 5, 0), min(at + 6, len(clicks)))
            if clicks[other] in known
        }
        mean = sum(plain[known[clicks[other]]] * weight for other, weight in near.items())
        is_current = at == len(clicks) - 1
        bonus = -seen.current_item_penalty if is_current else seen.earlier_item_boost
        scored[item] = mean / (sum(near.values()) or 1) + bonus - 0.001 * (len(clicks) - at)
    if not {*known} & {*clicks}:
        order = sorted(scored, key=lambda item: scored[item])
        return {item: float(number) for number, item in enumerate(order, start=1)}
    return scored
