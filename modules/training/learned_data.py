"""The record of what a training run learns, from its own input."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from modules.data.session_spans import read_spans
from modules.files.learned_data import LearnedData
from modules.training.training_run import TrainingRun

_SPLITS = ("train", "eval")


def learned_data(run: TrainingRun, items: int, *splits: Sequence[str]) -> LearnedData:
    """Returns what the model that a run exports learned.

    Args:
      run: a run that depends on the splits.
      items: number of known items.
      *splits: Transform's files of split train, then of eval, which the model learns with `refit`.
    """
    learned = 2 if run.trainer.refit else 1
    spans = read_spans([file for files in splits[:learned] for file in files])
    digest = hashlib.sha256("\n".join(run.split_digests[:learned]).encode())
    return LearnedData(
        splits=_SPLITS[:learned], items=items, fingerprint=digest.hexdigest(), **spans._asdict()
    )
