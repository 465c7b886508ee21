"""Calls an exact model and one with an approximate index, in turns.

    python -m components.index_builder.latency_probe MODEL REQUESTS.json ANSWERS.json APPROXIMATE

A process of its own, with no more than serving needs: TensorFlow, faiss, and the modules that load
the index. REQUESTS has `real`, sessions of item ids as `modules.serving.isolated_probe` takes them.
ANSWERS has both models' answers, the times of single requests, and the modules that were loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from modules.ann.recommender import ApproximateRecommender
from modules.serving.isolated_probe import Sessions, main, padded, plain, serialized, timed

TIMED_REQUESTS = 1_000  # a 99th percentile of fewer is little more than the maximum


def compare(requests: Mapping[str, Sessions], folder: str, index: str) -> dict[str, Any]:
    """Loads both models and sends each request to one and then to the other.

    Args:
      requests: sessions of item ids as `real`.
      folder: folder of the exact model.
      index: folder of the model with an approximate index.

    Returns:
      `exact` and `approximate`, the answers to all sessions; `as_examples`, those of the second
      model to tf.Examples; `fallback`, those to sessions without a known item; `times` of single
      requests by model, from `timed`; `modules`, the packages that were loaded.
    """
    models = {"exact": tf.saved_model.load(folder), "approximate": ApproximateRecommender(index)}
    recommend = {name: model.signatures["recommend"] for name, model in models.items()}
    by_examples = models["approximate"].signatures["serving_default"]
    real = requests["real"]
    singles = [padded([session]) for session in real]
    rounds = -(-TIMED_REQUESTS // max(1, len(singles)))
    for request in singles:  # warms up
        for function in recommend.values():
            function(item_ids=request)["scores"].numpy()
    calls = {
        name: lambda items, function=function: function(item_ids=items)["scores"].numpy()
        for name, function in recommend.items()
    }
    return {
        **{name: plain(function(item_ids=padded(real))) for name, function in recommend.items()},
        "as_examples": plain(by_examples(examples=serialized(real))),
        "fallback": plain(recommend["approximate"](item_ids=padded([[], ["\udcff unknown"]]))),
        "times": timed(calls, singles * rounds),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }


if __name__ == "__main__":
    main(compare)
