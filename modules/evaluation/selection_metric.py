"""The metric that selects epochs, score adjustments and searched options on split eval."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RECALL, MRR = "recall@20", "mrr@20"
"""The metrics that `selection_score` combines."""


def selection_score(recall: npt.ArrayLike, mrr: npt.ArrayLike) -> npt.NDArray[np.floating[Any]]:
    """Returns the geometric mean of Recall@20 and MRR@20, 0 where one of them is NaN.

    A relative gain in one counts as much as in the other; their sum would be dominated by recall,
    which is twice as large and varies more.

    >>> selection_score([0.4, 0.5], [0.1, 0.1]).round(3).tolist()
    [0.2, 0.224]
    """
    return np.nan_to_num(np.sqrt(np.multiply(recall, mrr)))
