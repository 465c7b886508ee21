"""An approximate index: scans short codes of all items and scores the best ones exactly.

Product quantization (Jégou et al., 2011, "Product quantization for nearest neighbor search") with
4-bit codes, whose scores are looked up in registers (André et al., 2015, "Cache locality is not
enough"; `IndexPQFastScan` of faiss). The scan reads a sixteenth of the vectors' size and covers the
whole catalogue. To make up for the codes' errors, many more items are scored exactly than are
recommended. Needs faiss, from the extra `ann`.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import tempfile
from typing import Any, NamedTuple

import numpy as np

from modules.array_types import Float32Array, IntArray
from modules.files.local_copies import local_copy
from modules.files.patterns import is_file

# In a model's folder: TensorFlow reserves `assets.extra` for files that it does not read itself.
INDEX_FOLDER = os.path.join("assets.extra", "index")
_BITS = 4  # all that fast scan supports
_LEAST_RESCORED = 700
_CODES, _VECTORS, _SETTINGS = "codes.faiss", "vectors.npy", "index.json"


class FaissMissingError(Exception):
    """The package faiss is not installed; the message says how to install it."""


class CodeOptions(NamedTuple):
    """How the catalogue is coded, and how many items are scored exactly.

    Attributes:
      dimensions_per_code: dimensions of a vector that share a code of 4 bits.
      rescored: number of items, the best by their codes, to score exactly; None for twice the
        square root of the catalogue, at least 700.
    """

    dimensions_per_code: int
    rescored: int | None

    def for_catalogue(self, items: int) -> CodeOptions:
        """Returns the options with a number for `rescored`."""
        by_size = max(_LEAST_RESCORED, 2 * math.isqrt(items))
        return self._replace(rescored=by_size if self.rescored is None else self.rescored)


def require_faiss() -> None:
    """Checks, without importing it, that faiss is installed.

    Raises:
      FaissMissingError: faiss is not installed.
    """
    if importlib.util.find_spec("faiss") is None:
        raise FaissMissingError(
            "An index of the kind pq needs faiss, which is not installed: "
            "`python3 environment.py setup --extra ann` installs it."
        )


class PQIndex:
    """Candidate vectors, and their codes if there are more items than are scored exactly.

    Attributes:
      items: size of the catalogue.
      rescored: number of items that are scored exactly for each query.
    """

    def __init__(self, vectors: Float32Array, codes: Any | None, options: CodeOptions) -> None:
        """Takes the parts of an index; use `build` or `load`.

        Args:
          vectors: float32 `[catalogue, dim]`, in the order that breaks ties.
          codes: faiss index of the same items; None to score all items exactly.
          options: options of the codes.
        """
        self._vectors = vectors
        self._codes = codes
        self._options = options.for_catalogue(len(vectors))
        self.items, self.rescored = len(vectors), int(self._options.rescored or 0)

    @classmethod
    def build(cls, vectors: Float32Array, options: CodeOptions) -> PQIndex:
        """Learns codes of the vectors, float32 `[catalogue, dim]`; deterministic.

        Raises:
          FaissMissingError: faiss is not installed.
        """
        require_faiss()
        index = cls(vectors, None, options)
        if index.items <= index.rescored:
            return index
        import faiss

        codes_of_item = -(-vectors.shape[1] // options.dimensions_per_code)
        padded = _padded(vectors, options)
        codes = faiss.IndexPQFastScan(
            padded.shape[1], codes_of_item, _BITS, faiss.METRIC_INNER_PRODUCT
        )
        codes.train(padded)
        codes.add(padded)
        return cls(vectors, codes, options)

    def save(self, folder: str) -> None:
        """Writes the index into a folder of this machine, created if missing."""
        os.makedirs(folder, exist_ok=True)
        np.save(os.path.join(folder, _VECTORS), self._vectors)
        if self._codes is not None:
            import faiss

            faiss.write_index(self._codes, os.path.join(folder, _CODES))
        with open(os.path.join(folder, _SETTINGS), "w", encoding="utf-8") as file:
            json.dump(self._options._asdict(), file)

    @classmethod
    def load(cls, folder: str) -> PQIndex:
        """Reads an index that `save` wrote, from this machine or a URI.

        Processes share the memory of vectors that are files of their machine.

        Raises:
          FaissMissingError: faiss is not installed.
        """
        require_faiss()
        import faiss

        # A mapped file stays readable when its copy is removed.
        with tempfile.TemporaryDirectory() as scratch:
            here = local_copy(folder, scratch)
            with open(os.path.join(here, _SETTINGS), encoding="utf-8") as file:
                options = CodeOptions(**json.load(file))
            vectors = np.asarray(np.load(os.path.join(here, _VECTORS), mmap_mode="r"))
            path = os.path.join(here, _CODES)
            return cls(vectors, faiss.read_index(path) if os.path.isfile(path) else None, options)

    def top(
        self, queries: Float32Array, positions: IntArray, bonus: Float32Array, k: int
    ) -> tuple[Float32Array, IntArray]:
        """Returns the best items; of equal ones among those scored, the lowest positions.

        Args:
          queries: float32 `[batch, dim]`.
          positions: positions of items to score exactly in any case, int64 `[batch, any]`, possibly
            repeated; -1 for none.
          bonus: added to their scores, float32 of that shape, the same for the same item.
          k: number of items, at most `rescored` and the catalogue's size.

        Returns:
          Scores, float32 `[batch, k]`, best first, and positions, int64 of that shape.
        """
        scores = np.empty([len(queries), k], np.float32)
        found = np.empty([len(queries), k], np.int64)
        for row, candidates in enumerate(self._candidates(queries)):
            # By position: a stable sort then breaks ties, and memory is read forwards.
            chosen = np.unique(np.concatenate([candidates, positions[row]]))
            chosen = chosen[np.searchsorted(chosen, 0) :]  # -1 is none
            values = np.take(self._vectors, chosen, axis=0) @ queries[row]
            is_item = positions[row] >= 0
            place = np.searchsorted(chosen, positions[row][is_item])
            values[place] = values[place] + bonus[row][is_item]
            best = _best(values, k)
            scores[row], found[row] = values[best], chosen[best]
        return scores, found

    def scores_at(self, queries: Float32Array, positions: IntArray) -> Float32Array:
        """Returns the scores of some items.

        Args:
          queries: float32 `[batch, dim]`.
          positions: int64 `[batch, ...]`.

        Returns:
          float32 of the shape of `positions`.
        """
        scores = [
            np.take(self._vectors, some, axis=0) @ query
            for query, some in zip(queries, positions, strict=True)
        ]
        return np.array(scores, np.float32).reshape(positions.shape)

    def _candidates(self, queries: Float32Array) -> IntArray:
        """Returns the items to score for each query, int64 `[batch, any]`; -1 for none."""
        if self._codes is None:
            return np.broadcast_to(np.arange(self.items), (len(queries), self.items))
        padded = _padded(queries, self._options)
        found: IntArray = self._codes.search(padded, self.rescored)[1]
        return found


def _best(values: Float32Array, k: int) -> IntArray:
    """Returns the indices of the k largest values, of equal ones the first."""
    least = np.partition(values, len(values) - k)[len(values) - k]
    places = np.flatnonzero(values >= least)
    best: IntArray = places[np.argsort(-values[places], kind="stable")[:k]]
    return best


def holds_index(model_folder: str) -> bool:
    """Returns whether a model's folder, here or at a URI, holds an approximate index."""
    return is_file(os.path.join(model_folder, INDEX_FOLDER, _SETTINGS))


def _padded(vectors: Float32Array, options: CodeOptions) -> Float32Array:
    """Pads dimensions with zeros, so that all codes have equally many."""
    missing = -vectors.shape[1] % options.dimensions_per_code
    filled = np.pad(vectors, [(0, 0), (0, missing)]) if missing else vectors
    return np.ascontiguousarray(filled, np.float32)
