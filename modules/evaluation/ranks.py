"""The rank of a target among the scores of all items, in NumPy: the rule itself.

Where speed needs another form, tests hold it equal to this one: in graphs
(`modules.evaluation.tf_ranks`), where few items have a score (`modules.baselines.base`), and under
a grid of score adjustments (`modules.training.score_adjustment_search`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from modules.array_types import IntArray

# The rank of a target that cannot be recommended: beyond every K, unlike the size of a small
# catalogue, and the largest int32, since tables hold ranks as int32.
UNRANKED = int(np.iinfo(np.int32).max)


def conservative_rank(scores: npt.ArrayLike, target_position: npt.ArrayLike) -> IntArray:
    """Ranks each target: the number of items, itself included, not scored below it.

    Ties count against the model, and so do other items scored NaN.

    Args:
      scores: float `[n, items]`; an item scored NaN or -inf is not recommended.
      target_position: positions among the items, int `[n]`; negative outside the catalogue.

    Returns:
      int64 `[n]`, 1 is best; `UNRANKED` for a target that is not recommended.

    Raises:
      ValueError: the shapes do not match.
      IndexError: a position is not below the number of items.

    >>> conservative_rank([[0.1, 0.7, 0.7, 0.2]] * 2, [1, 3])
    array([2, 3])
    >>> conservative_rank([[0.1, 0.7]], [-1]) == UNRANKED
    array([ True])
    """
    scores, position = np.asarray(scores), np.asarray(target_position, dtype=np.int64)
    if scores.ndim != 2 or position.shape != scores.shape[:1]:
        raise ValueError(
            "scores must have shape [n, items] and target_position [n], got "
            f"{scores.shape} and {position.shape}"
        )
    items = scores.shape[1]
    if not items:
        return np.full(len(position), UNRANKED, dtype=np.int64)
    of_target = np.take_along_axis(scores, np.maximum(position, 0)[:, None], axis=1)
    not_below = items - np.count_nonzero(scores < of_target, axis=1)
    is_recommended = (position >= 0) & (of_target[:, 0] > -np.inf)
    return np.where(is_recommended, not_below, UNRANKED).astype(np.int64)
