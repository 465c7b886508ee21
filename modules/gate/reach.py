"""Which targets candidate and last blessed model can recommend; NumPy only.

Models of different training data have different catalogues. In a slice of items that one of them
lacks, it scores 0 by construction, so the difference there says nothing of the ranking.
"""

from __future__ import annotations

import numpy as np

from modules.array_types import BoolArray
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED, RankTable
from modules.evaluation.ranks import UNRANKED


def can_recommend(table: RankTable, column: str) -> BoolArray:
    """Returns whether a model can recommend the target of each step, bool `[steps]`."""
    return table.ranks[column] != UNRANKED


def comparable_steps(table: RankTable) -> BoolArray:
    """Returns the steps that both models can answer, bool `[steps]`; of a table with both columns.

    Both can recommend the target, and know it and an item before it.
    """
    found = table.known & can_recommend(table, CANDIDATE) & can_recommend(table, LAST_BLESSED)
    return found if table.last_blessed_known is None else found & table.last_blessed_known


def reach(table: RankTable) -> dict[str, int]:
    """Returns how many steps have a target that both models, one or none can recommend.

    Args:
      table: rank table with the columns of both models.
    """
    candidate, last_blessed = (can_recommend(table, name) for name in (CANDIDATE, LAST_BLESSED))
    counted = {
        "both": candidate & last_blessed,
        "gained": candidate & ~last_blessed,
        "lost": last_blessed & ~candidate,
        "neither": ~candidate & ~last_blessed,
    }
    return {name: int(np.count_nonzero(steps)) for name, steps in counted.items()}
