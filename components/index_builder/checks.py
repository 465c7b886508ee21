"""The checks that an approximate index must pass to be pushed; plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modules.config.options.index import IndexOptions
from modules.gate.check_record import Check, outcome
from modules.serving.answer_checks import FOREIGN, loads_alone, well_formed
from modules.serving.latency import Latency

CUTOFFS = (20, 100)
EXACT, APPROXIMATE = "exact", "approximate"
# Unlike the exact model, the index is called by this project's own code.
_FOREIGN = tuple(name for name in FOREIGN if name != "modules")
_NEEDED = "TensorFlow, faiss and modules.ann.recommender load"


def measure(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the measurements that are checked.

    Args:
      answers: output of `components.index_builder.latency_probe.compare`.

    Returns:
      `recall@20` and `recall@100` of the exact answers, `sessions`, and for each of `exact` and
      `approximate` the `p50_ms` and `p99_ms` of one session.
    """
    exact, found = (answers[name]["item_ids"] for name in (EXACT, APPROXIMATE))
    latency = {name: Latency.of(answers["times"], name).wall for name in (EXACT, APPROXIMATE)}
    return {
        **{f"recall@{cutoff}": recall(exact, found, cutoff) for cutoff in CUTOFFS},
        "sessions": len(exact),
        **latency,
    }


def recall(exact: Sequence[Sequence[str]], found: Sequence[Sequence[str]], cutoff: int) -> float:
    """Returns the mean share of the exact index's best items among as many found ones.

    The id '', which fills rows where fewer items are recommendable, does not count. NaN without any
    item.

    >>> recall([["a", "b", "c"], ["a", "", ""]], [["b", "d", "a"], ["a", "", ""]], cutoff=2)
    0.75
    """
    shares = [
        len(best & set(other[:cutoff])) / len(best)
        for one, other in zip(exact, found, strict=True)
        if (best := set(one[:cutoff]) - {""})
    ]
    return float(np.mean(shares)) if shares else float("nan")


def check_index(
    answers: Mapping[str, Any], measured: Mapping[str, Any], options: IndexOptions
) -> list[Check]:
    """Returns the checks of an index by its answers and measurements; see `measure`."""
    by_ids, by_examples = answers[APPROXIMATE], answers["as_examples"]
    same = by_ids["item_ids"] == by_examples["item_ids"]
    text = "sessions get the same answer as ids and as tf.Examples"
    checks = [
        loads_alone(answers["modules"], _FOREIGN, _NEEDED),
        well_formed(by_ids, answers["fallback"]),
        Check("examples", outcome(same), text if same else f"not all {text}"),
        _recall(measured["recall@100"], options.min_recall),
    ]
    found, exact = (Latency.of(answers["times"], name) for name in (APPROXIMATE, EXACT))
    if options.max_p99_ms is not None:
        passed = found.meets("p99_ms", options.max_p99_ms)
        text = f"{found.text('p99_ms')}, at most {options.max_p99_ms:g}"
        checks.append(Check("p99 latency", outcome(passed), text))
    if options.max_p99_ratio is not None:
        passed = found.keeps_up("p99_ms", exact, options.max_p99_ratio)
        text = (
            f"{found.text('p99_ms')}, at most {options.max_p99_ratio:g} times the exact index's "
            f"{exact.text('p99_ms')}"
        )
        advice = "" if passed else "; a catalogue of this size may need no approximate index"
        checks.append(Check("p99 ratio", outcome(passed), text + advice))
    return checks


def _recall(value: float, least: float) -> Check:
    text = f"{value:.4f} of the exact answers are found, at least {least:g}"
    advice = "" if value >= least else "; raise index.rerank_depth"
    return Check("recall@100", outcome(value >= least), text + advice)
