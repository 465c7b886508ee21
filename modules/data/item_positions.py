"""Numbers raw item ids as they are read; NumPy and PyArrow only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from modules.array_types import IntArray
from modules.data.item_indices import NO_ITEM

ItemIds = npt.NDArray[np.object_]


class ItemPositions:
    """Positions of raw item ids, bytes, in the order in which they were added."""

    def __init__(self) -> None:
        """Starts without an item."""
        self._positions: dict[bytes, int] = {}

    def __len__(self) -> int:
        """Returns the number of items."""
        return len(self._positions)

    def __iter__(self) -> Iterator[bytes]:
        """Yields the ids in the order of their positions."""
        return iter(self._positions)

    def __contains__(self, item_id: object) -> bool:
        """Returns whether an id was added."""
        return item_id in self._positions

    def add(self, item_ids: ItemIds) -> IntArray:
        """Returns the positions of ids, int64 of the same shape; new ids get the next ones.

        >>> ItemPositions().add(np.array([b"b", b"a", b"b"], object)).tolist()
        [0, 1, 0]
        """
        known = self._positions
        distinct, of_distinct = _distinct(item_ids)
        found = [known.setdefault(item_id, len(known)) for item_id in distinct]
        return np.array(found, np.int64)[of_distinct]

    def lookup(self, item_ids: ItemIds) -> IntArray:
        """Returns the positions of ids, int64 of the same shape; `NO_ITEM` for others."""
        distinct, of_distinct = _distinct(item_ids)
        found = [self._positions.get(item_id, NO_ITEM) for item_id in distinct]
        return np.array(found, np.int64)[of_distinct]


def _distinct(item_ids: ItemIds) -> tuple[list[bytes], IntArray]:
    """Returns the distinct ids, by their first places, and the place of each id among them.

    Python only sees distinct ids: a loop over all events takes several times as long.
    """
    import pyarrow as pa  # Slow, and light commands import the modules above this one.

    encoded = pa.array(item_ids.ravel(), pa.binary()).dictionary_encode()
    places = encoded.indices.to_numpy().reshape(item_ids.shape)
    return encoded.dictionary.to_pylist(), places
