"""What epochs, serving scalars and searched options are selected by, on split eval."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RECALL, MRR = "recall@20", "mrr@20"
"""What `selection_score` is made of."""


def selection_score(recall: npt.ArrayLike, mrr: npt.ArrayLike) -> npt.NDArray[np.floating[Any]]:
    """Returns the geometric mean of Recall@20 and MRR@20, 0 where one of them is NaN.

    Gaining a hundredth of one counts as much as gaining a hundredth of the other; their sum would
    be little else than recall, which is twice as large and varies more.

    >>> selection_score([0.4, 0.5], [0.1, 0.1]).round(3).tolist()
    [0.2, 0.224]
    """
    return np.nan_to_num(np.sqrt(np.multiply(recall, mrr)))
