"""Rank tables for tests."""

from __future__ import annotations

import numpy as np

from modules.config.options.evaluation import EvaluationOptions
from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.rank_table import (
    RankTable,
)
from modules.gate.known_metrics import slice_bounds

BOUNDS = slice_bounds(EvaluationOptions(), ModelGateOptions())
RECALL = "honest/all/recall@20"


def make_table(**ranks: list[list[int]]) -> RankTable:
    """Makes a table of sessions of ranks; a step is unknown where the first column's rank is 99."""
    first = next(iter(ranks.values()))
    flat = {name: np.concatenate([*map(np.array, rows)]) for name, rows in ranks.items()}
    lengths = [len(row) for row in first]
    steps = sum(lengths)
    return RankTable(
        session_ids=np.array([f"s{index}".encode() for index in range(len(first))], object),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        known=next(iter(flat.values())) != 99,
        context_length=np.concatenate([np.arange(1, length + 1) for length in lengths]),
        target_count=np.where(next(iter(flat.values())) == 99, 0, 5),
        item_age=np.arange(steps) - 1,
        ranks=flat,
    )


def ids(*values: str) -> np.ndarray:
    """Returns item ids as tables hold them."""
    return np.array([value.encode() for value in values], object)
