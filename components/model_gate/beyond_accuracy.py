"""Figures beyond accuracy, of what a model really recommends; NumPy only.

All are over the first 20 recommended items of a sample of prefixes. Popularity of an item is the
number of its events in the training data.

* `coverage@20`: share of the training data's items that are recommended at least once (catalogue
  coverage; Ge, Delgado-Battenfeld and Jannach, 2010, "Beyond accuracy"). It grows with the number
  of prefixes, so compare it at equal `prefixes`.
* `average_popularity@20`: mean popularity of recommended items (ARP; Yin, Cui, Li, Yao and Chen,
  2012, "Challenging the long tail recommendation").
* `popularity_ratio@20`: the same over the mean popularity of the known targets of the prefixes: 1
  is no bias, and minus 1 it is the popularity lift of Abdollahpouri, Mansoury, Burke and Mobasher
  (2020), "The connection between popularity bias, calibration, and fairness in recommendation".
* `novelty@20`: mean self-information of recommended items, in bits; see
  `ItemHistory.self_information`.
* `repeats@20`: share of recommended items that the prefix holds already.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from components.model_gate.bootstrap import (
    percentile_interval,
    ratios,
    resampled_sums,
    sampling_units,
)
from components.model_gate.item_history import ItemHistory
from modules.metrics import BoolArray, FloatArray, IntArray

K = 20
COVERAGE = f"coverage@{K}"
POPULARITY_RATIO = f"popularity_ratio@{K}"

# Sums per session, from which every figure but coverage is a ratio.
_ITEMS, _POPULARITY, _INFORMATION, _REPEATS, _TARGETS, _TARGET_POPULARITY = range(6)


def sampled(session_ids: npt.NDArray[np.object_], share: float, seed: int) -> BoolArray:
    """Chooses about a share of sessions, the same ones in every run, by a hash of their ids.

    >>> ids = np.array([b"a", b"b", b"c"], object)
    >>> sampled(ids, 1.0, seed=1).tolist(), sampled(ids, 0.0, seed=1).tolist()
    ([True, True, True], [False, False, False])
    """
    hashes = (zlib.crc32(session_id, seed) for session_id in session_ids)
    return np.fromiter(hashes, np.int64, len(session_ids)) < share * 2**32


class Tally:
    """Adds up recommendations, batch by batch; holds a few numbers per session and item."""

    def __init__(self, history: ItemHistory) -> None:
        """Starts with nothing; `history` tells of the training data."""
        self._history = history
        self._recommended = np.zeros(len(history), bool)
        self._sums = np.zeros((0, 6))
        self.prefixes = 0
        self.not_finite = 0

    def add(
        self,
        session: IntArray,
        prefixes: list[list[bytes]],
        target: npt.NDArray[np.object_],
        item_ids: npt.NDArray[np.object_],
        scores: FloatArray,
    ) -> None:
        """Adds the answers to some prefixes.

        Args:
          session: numbers of the prefixes' sessions, from 0, int64 `[prefixes]`.
          prefixes: their raw item ids.
          target: the items that followed, bytes `[prefixes]`.
          item_ids: recommended items, best first, bytes `[prefixes, at most 20]`.
          scores: of the recommended items.
        """
        positions = self._history.lookup(item_ids)
        self._recommended[positions[positions >= 0]] = True
        repeats = [
            sum(item in seen for item in row)
            for seen, row in zip(map(set, prefixes), item_ids.tolist(), strict=True)
        ]
        followed = self._history.lookup(target)
        rows = np.stack(
            [
                np.full(len(session), float(item_ids.shape[1])),
                self._history.counts_of(positions).sum(axis=1),
                self._history.self_information(positions).sum(axis=1),
                np.array(repeats, float),
                followed >= 0,
                self._history.counts_of(followed),
            ],
            axis=1,
        )
        missing = max(int(session.max(initial=-1)) + 1 - len(self._sums), 0)
        self._sums = np.pad(self._sums, ((0, missing), (0, 0)))
        np.add.at(self._sums, session, rows)
        self.prefixes += len(session)
        self.not_finite += int(np.count_nonzero(~np.isfinite(scores).all(axis=1)))

    @property
    def coverage(self) -> float:
        """Share of the training data's items that were recommended; NaN without items."""
        return float(self._recommended.mean()) if len(self._recommended) else float("nan")

    def ratios(self) -> dict[str, float]:
        """Returns all figures but coverage; NaN over nothing."""
        return {name: float(value[0]) for name, value in _ratios(self._sums.sum(0)[None]).items()}

    def figures(self, resamples: int, seed: int, confidence: float) -> dict[str, Any]:
        """Returns all figures, with intervals of the bootstrap over sessions, as JSON holds them.

        Coverage has none: a resample holds fewer distinct sessions, so it covers less.
        """
        unit = sampling_units(len(self._sums), seed)
        per_unit = np.zeros((int(unit.max(initial=-1)) + 1, self._sums.shape[1]))
        np.add.at(per_unit, unit, self._sums)
        drawn = _ratios(resampled_sums(per_unit, resamples, seed))
        found: dict[str, Any] = {COVERAGE: {"value": _plain(self.coverage), "interval": None}}
        for name, value in self.ratios().items():
            interval = percentile_interval(drawn[name], confidence)
            found[name] = {"value": _plain(value), "interval": list(interval) if interval else None}
        return {"prefixes": self.prefixes, "sessions": len(self._sums), **found}


def _ratios(sums: FloatArray) -> dict[str, FloatArray]:
    """Returns each figure from sums `[..., 6]`."""
    columns = np.moveaxis(sums, -1, 0)
    average = ratios(columns[_POPULARITY], columns[_ITEMS])
    of_targets = ratios(columns[_TARGET_POPULARITY], columns[_TARGETS])
    return {
        f"average_popularity@{K}": average,
        "target_popularity": of_targets,
        POPULARITY_RATIO: ratios(average, np.nan_to_num(of_targets)),
        f"novelty@{K}": ratios(columns[_INFORMATION], columns[_ITEMS]),
        f"repeats@{K}": ratios(columns[_REPEATS], columns[_ITEMS]),
    }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value
