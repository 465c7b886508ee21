"""Asks an exact model and one with an approximate index, in turns.

    python -m components.index_builder.latency_probe MODEL REQUESTS.json ANSWERS.json
    APPROXIMATE_MODEL

A process of its own, with no more than asking needs: TensorFlow, faiss, and the modules that load
the index. REQUESTS has `real`, sessions of item ids as
`modules.serving.isolated_probe` takes them. ANSWERS has what both models said to each,
how long single requests took, and which modules were loaded.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from modules.ann.recommender import ApproximateRecommender
from modules.serving.isolated_probe import Sessions, padded, plain, serialized

TIMED_REQUESTS = 1_000  # a 99th percentile of fewer is little more than the slowest


def compare(folder: str, index: str, requests: Mapping[str, Sessions]) -> dict[str, Any]:
    """Loads both models and sends each request to one and then to the other.

    Args:
      folder: of the exact model.
      index: folder of the one with an approximate index.
      requests: `real`, sessions of item ids.

    Returns:
      `exact` and `approximate`, the answers to all sessions; `as_examples`, those of the second
      model to tf.Examples; `fallback`, to sessions without a known item; `milliseconds` of single
      requests by model; `modules`, the packages that were loaded.
    """
    models = {"exact": tf.saved_model.load(folder), "approximate": ApproximateRecommender(index)}
    recommend = {name: model.signatures["recommend"] for name, model in models.items()}
    by_examples = models["approximate"].signatures["serving_default"]
    real = requests["real"]
    singles = [padded([session]) for session in real]
    rounds = -(-TIMED_REQUESTS // max(1, len(singles)))
    took: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(rounds + 1):
        for request in singles:
            for name, function in recommend.items():
                began = time.perf_counter()
                function(item_ids=request)["scores"].numpy()
                if turn:  # the first warms up
                    took[name].append(1e3 * (time.perf_counter() - began))
    return {
        **{name: plain(function(item_ids=padded(real))) for name, function in recommend.items()},
        "as_examples": plain(by_examples(examples=serialized(real))),
        "fallback": plain(recommend["approximate"](item_ids=padded([[], ["\udcff unknown"]]))),
        "milliseconds": took,
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }


def main(arguments: Sequence[str]) -> None:
    """Reads the requests and writes the answers."""
    folder, requests, answers, index = arguments
    with open(requests, encoding="utf-8") as file:
        sessions = json.load(file)
    with open(answers, "w", encoding="utf-8") as file:
        json.dump(compare(folder, index, sessions), file)


if __name__ == "__main__":
    main(sys.argv[1:])
