"""Example sessions with the ranks of the gate."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from components.report.sections import examples
from modules.evaluation import rank_table
from modules.evaluation.ranks import UNRANKED


def test_a_target_that_cannot_be_recommended_is_shown_without_a_rank(tmp_path: Path) -> None:
    table = rank_table.RankTable(
        session_ids=np.array([b"a", b"b"], object),
        offsets=np.array([0, 2, 3]),
        known=np.ones(3, bool),
        context_length=np.ones(3, np.int64),
        target_count=np.ones(3, np.int64),
        item_age=np.zeros(3, np.int64),
        ranks={rank_table.CANDIDATE: np.array([4, UNRANKED, 2])},
    )
    (tmp_path / rank_table.FILE_NAME).write_bytes(rank_table.to_parquet(table))
    assert examples.last_ranks(SimpleNamespace(uri=str(tmp_path))) == {b"b": 2}
