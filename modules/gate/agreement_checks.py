"""The checks that ranks, baselines, vocabulary and scores are consistent; NumPy only."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from modules.evaluation.metric_names import STEPS
from modules.evaluation.rank_table import CANDIDATE, RankTable, all_metrics
from modules.gate.check_record import FAILED, PASSED, SKIPPED, outcome
from modules.gate.metric_checks import AGREEMENT, MODEL, MetricCheck
from modules.messages.quoting import quote

TOLERANCE = 1e-6
RANKS_AGREE, STEPS_AGREE = "ranks = Evaluator", "steps = baselines"
ITEMS_AGREE = "items = vocabulary"


_agreement = functools.partial(MetricCheck, kind=AGREEMENT)


def agreement_check(table: RankTable, evaluation: Mapping[str, float | int | None]) -> MetricCheck:
    """Compares the candidate's metrics from its ranks with those of the Evaluator."""
    differing = []
    for name, value in all_metrics(table, CANDIDATE).items():
        other = evaluation.get(name)
        is_empty = math.isnan(value) or (name.endswith("/n") and value == 0)
        if other is None and is_empty:
            continue
        if other is None or not abs(value - other) <= TOLERANCE:
            differing.append(f"{name} is {value:.7g} by the ranks and {other} by the Evaluator")
    if differing:
        found = f"{len(differing)} metrics: {differing[0]}"
        reason = f"the ranks disagree with the Evaluator's metrics in {found}"
        return _agreement(RANKS_AGREE, FAILED, reason)
    reason = f"the ranks give the Evaluator's metrics, to {TOLERANCE:g}"
    return _agreement(RANKS_AGREE, PASSED, reason)


def steps_check(table: RankTable, baselines: RankTable) -> MetricCheck:
    """Passes if model and baselines have the same view of each step, for a fair comparison.

    Both know the same targets and see as many items of each prefix.
    """
    differs = np.zeros(len(table.known), bool)
    for column in ("known", "context_length", "target_count"):
        differs |= getattr(table, column) != getattr(baselines, column)
    if not differs.any():
        reason = f"the baselines have the same {len(differs):,} steps, {table.known.sum():,} known"
        return _agreement(STEPS_AGREE, PASSED, reason, n=len(differs))
    first = int(np.argmax(differs))
    session_id = table.session_ids[table.session[first]]
    reason = (
        f"model and baselines do not know the same items; their view differs in "
        f"{differs.sum():,} of {len(differs):,} steps: {_known(table)} steps are known to the "
        f"model and {_known(baselines)} to the baselines (known/all/n, known/last/n); the first "
        f"one is step {table.step[first]} of session {quote(session_id)}, counted from 0"
    )
    return _agreement(STEPS_AGREE, FAILED, reason)


def items_check(
    items: Collection[bytes], known: frozenset[bytes] | None, splits: Sequence[str]
) -> MetricCheck:
    """Passes if Transform's vocabulary holds exactly the items of the training data.

    Args:
      items: items of the splits that the model learned from, as SessionExampleGen wrote them, of a
        type with a fast `in`.
      known: items that the model knows; None if it does not list them.
      splits: names of the splits that the model learned from.
    """
    named = " and ".join(splits)
    if known is None:
        reason = f"the model does not list the items it knows; {len(items):,} are in {named}"
        return _agreement(ITEMS_AGREE, SKIPPED, reason)
    lost = sorted(item for item in items if item not in known)
    added = sorted(item for item in known if item not in items)
    if not lost and not added:
        reason = f"the model knows all {len(items):,} items of {named}"
        return _agreement(ITEMS_AGREE, PASSED, reason, n=len(items))
    parts = [
        f"{len(ids):,} {what}, such as {', '.join(map(quote, ids[:3]))}"
        for ids, what in ((lost, "are missing"), (added, "are not in the data"))
        if ids
    ]
    reason = (
        f"{len(items):,} items in {named}, {len(known):,} known to the model: {'; '.join(parts)}. "
        "Transform's vocabulary must hold every item that is read"
    )
    return _agreement(ITEMS_AGREE, FAILED, reason)


def _known(table: RankTable) -> str:
    return " and ".join(f"{table.counted('known', steps).sum():,}" for steps in STEPS)


def finite_check(not_finite: int, prefixes: int) -> MetricCheck:
    """Fails a model that recommends items with scores that are not finite."""
    reason = f"all scores of recommended items are finite ({prefixes:,} prefixes)"
    if not_finite:
        share = f"{not_finite:,} of {prefixes:,} prefixes"
        reason = f"scores of recommended items are NaN or infinite for {share}"
    return MetricCheck("finite scores", outcome(not not_finite), reason, MODEL, n=prefixes)
