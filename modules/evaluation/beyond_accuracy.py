"""Metrics beyond accuracy, of what a model really recommends; NumPy only.

They are over the first 20 recommended items of a sample of prefixes. Popularity of an item is the
number of its events in the training data.

* `coverage@20`: share of the training data's items that are recommended at least once (catalogue
  coverage; Ge, Delgado-Battenfeld and Jannach, 2010, "Beyond accuracy"). It grows with the number
  of prefixes, so compare it only for equal `prefixes`.
* `coverage@20/1000`: the same expected of 1,000 of the prefixes, drawn at random without
  replacement, see `rarefaction`; comparable for any `prefixes`.
* `average_popularity@20`: mean popularity of recommended items (ARP; Yin, Cui, Li, Yao and Chen,
  2012, "Challenging the long tail recommendation").
* `popularity_ratio@20`: the same over the mean popularity of the known targets of the prefixes: 1
  is no bias, and minus 1 it is the popularity lift of Abdollahpouri, Mansoury, Burke and Mobasher
  (2020), "The connection between popularity bias, calibration, and fairness in recommendation".
* `novelty@20`: mean self-information of recommended items, in bits; see
  `ItemHistory.self_information`.
* `repeats@20`: share of recommended items that the prefix already holds.

All of them are also computed by slice of the steps of the prefixes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modules.array_types import BoolArray, FloatArray, IntArray
from modules.evaluation.bootstrap import percentile_interval, ratios, resampled_sums, sampling_units
from modules.evaluation.item_history import ItemHistory
from modules.evaluation.metrics import none_for_nan
from modules.evaluation.rarefaction import expected_distinct

K = 20
COVERAGE = f"coverage@{K}"
POPULARITY_RATIO = f"popularity_ratio@{K}"


def coverage_name(prefixes: int) -> str:
    """Returns the name of the coverage that a fixed number of prefixes is expected to have.

    >>> coverage_name(1_000)
    'coverage@20/1000'
    """
    return f"{COVERAGE}/{prefixes}"


# Sums per session and slice; every metric but coverage is a ratio of two of them.
_SUMS = 7
_PREFIXES, _ITEMS, _POPULARITY, _INFORMATION, _REPEATS, _TARGETS, _TARGET_POPULARITY = range(_SUMS)
_ALL = 0  # the whole, before the slices


def sampled(session_ids: npt.NDArray[np.object_], share: float, seed: int) -> BoolArray:
    """Samples about a share of the sessions by a hash of their ids, the same ones in every run.

    >>> ids = np.array([b"a", b"b", b"c"], object)
    >>> sampled(ids, 1.0, seed=1).tolist(), sampled(ids, 0.0, seed=1).tolist()
    ([True, True, True], [False, False, False])
    """
    hashes = (zlib.crc32(session_id, seed) for session_id in session_ids)
    return np.fromiter(hashes, np.int64, len(session_ids)) < share * 2**32


class RecommendationStats:
    """Adds up recommendations, batch by batch: some numbers per session, a count per item."""

    def __init__(self, history: ItemHistory, slices: Sequence[str] = ()) -> None:
        """Starts empty; `history` is of the training data."""
        self.slices = tuple(slices)
        self._history = history
        parts = 1 + len(self.slices)
        self._shown = np.zeros((parts, len(history)), np.int32)
        self._sums = np.zeros((0, parts, _SUMS))
        self.not_finite = 0

    def add(
        self,
        session: IntArray,
        prefixes: list[list[bytes]],
        target: npt.NDArray[np.object_],
        item_ids: npt.NDArray[np.object_],
        scores: FloatArray,
        in_slices: BoolArray | None = None,
    ) -> None:
        """Adds the recommendations for some prefixes.

        Args:
          session: number of each prefix's session, from 0, int64 `[prefixes]`.
          prefixes: raw item ids of each prefix.
          target: the items that followed, bytes `[prefixes]`.
          item_ids: recommended items, best first, bytes `[prefixes, at most 20]`; empty ids, which
            fill rows where fewer items are recommendable, do not count.
          scores: scores of the recommended items.
          in_slices: which prefixes belong to which slice, bool `[slices, prefixes]`; None without
            slices.
        """
        positions = self._history.lookup(item_ids)
        rows = self._rows(prefixes, target, item_ids, positions)
        missing = max(int(session.max(initial=-1)) + 1 - len(self._sums), 0)
        self._sums = np.pad(self._sums, ((0, missing), (0, 0), (0, 0)))
        everywhere = np.ones((1, len(session)), bool)
        parts = everywhere if in_slices is None else np.concatenate([everywhere, in_slices])
        prefix, item = _distinct_items(positions, len(self._history))
        for part, inside in enumerate(parts):
            np.add.at(self._shown[part], item[inside[prefix]], 1)
            np.add.at(self._sums[:, part], session[inside], rows[inside])
        self.not_finite += int(np.count_nonzero(~np.isfinite(scores).all(axis=1)))

    def _rows(
        self,
        prefixes: list[list[bytes]],
        target: npt.NDArray[np.object_],
        item_ids: npt.NDArray[np.object_],
        positions: IntArray,
    ) -> FloatArray:
        """Returns what each prefix adds to the sums, float `[prefixes, sums]`."""
        repeats = [
            sum(item in seen for item in row)
            for seen, row in zip(map(set, prefixes), item_ids.tolist(), strict=True)
        ]
        followed = self._history.lookup(target)
        is_item = item_ids != b""
        return np.stack(
            [
                np.ones(len(prefixes)),
                is_item.sum(axis=1).astype(float),
                self._history.counts_of(positions).sum(axis=1),
                np.where(is_item, self._history.self_information(positions), 0.0).sum(axis=1),
                np.array(repeats, float),
                followed >= 0,
                self._history.counts_of(followed),
            ],
            axis=1,
        )

    @property
    def items(self) -> int:
        """Number of items of the training data."""
        return len(self._history)

    @property
    def prefixes(self) -> int:
        """Number of prefixes that were added."""
        return int(self._sums[:, _ALL, _PREFIXES].sum())

    @property
    def coverage(self) -> float:
        """Share of the training data's items that were recommended; NaN without items."""
        return self._coverage(_ALL)

    def expected_coverage(self, prefixes: int) -> float:
        """Returns the coverage that so many prefixes are expected to have; NaN if there are fewer.

        Args:
          prefixes: number of prefixes, drawn at random without replacement from those added.
        """
        return self._expected_coverage(_ALL, prefixes)

    def _coverage(self, part: int) -> float:
        shown = self._shown[part]
        return float((shown > 0).mean()) if len(shown) else float("nan")

    def _expected_coverage(self, part: int, prefixes: int) -> float:
        shown, added = self._shown[part], int(self._sums[:, part, _PREFIXES].sum())
        if not len(shown) or added < prefixes:
            return float("nan")
        return expected_distinct(shown, prefixes, added) / len(shown)

    def ratios(self) -> dict[str, float]:
        """Returns all metrics but coverage; NaN over nothing."""
        found = _ratios(self._sums[:, _ALL].sum(0)[None])
        return {name: float(value[0]) for name, value in found.items()}

    def metrics(
        self, resamples: int, seed: int, confidence: float, coverage_prefixes: int
    ) -> dict[str, Any]:
        """Returns all metrics with bootstrap intervals over sessions, as plain values for JSON.

        Coverage has none: a resample holds fewer distinct sessions, so it covers less. Slices
        without a prefix are left out.

        Args:
          resamples: number of draws of the bootstrap.
          seed: its seed.
          confidence: confidence level of the intervals.
          coverage_prefixes: number of prefixes at which coverage is comparable.
        """
        sums, sessions, parts = self._sums, len(self._sums), 1 + len(self.slices)
        unit = sampling_units(sessions, seed)
        per_unit = np.zeros((int(unit.max(initial=-1)) + 1, parts * _SUMS))
        np.add.at(per_unit, unit, sums.reshape(sessions, parts * _SUMS))
        drawn = _ratios(resampled_sums(per_unit, resamples, seed).reshape(-1, parts, _SUMS))
        values = _ratios(sums.sum(axis=0))
        counts = sums[..., _PREFIXES].sum(axis=0)

        def of_part(part: int) -> dict[str, Any]:
            found: dict[str, Any] = {
                "prefixes": int(counts[part]),
                "sessions": int(np.count_nonzero(sums[:, part, _PREFIXES])),
                COVERAGE: {"value": none_for_nan(self._coverage(part)), "interval": None},
                coverage_name(coverage_prefixes): {
                    "value": none_for_nan(self._expected_coverage(part, coverage_prefixes)),
                    "interval": None,
                },
            }
            for name, value in values.items():
                interval = percentile_interval(drawn[name][:, part], confidence)
                found[name] = {
                    "value": none_for_nan(value[part]),
                    "interval": list(interval) if interval else None,
                }
            return found

        sliced = {
            name: of_part(part) for part, name in enumerate(self.slices, start=1) if counts[part]
        }
        return {**of_part(_ALL), "slices": sliced}


def _distinct_items(positions: IntArray, items: int) -> tuple[IntArray, IntArray]:
    """Returns the rows and the positions of the known items in each row, each once a row."""
    row, _ = found = np.nonzero(positions >= 0)
    pairs = np.unique(row * items + positions[found])
    return pairs // max(items, 1), pairs % max(items, 1)


def _ratios(sums: FloatArray) -> dict[str, FloatArray]:
    """Returns each metric but coverage from sums `[..., 7]`."""
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
