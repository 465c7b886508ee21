"""Compares served sessions with those of training: TFDV's statistics and skew comparators.

Three features of a session are compared, all as categories: the items, the popularity group of each
item, and the length. Two samples of the same data differ too, and the fewer sessions were served,
the more: so samples of training sessions, as many as were served, are compared with other training
sessions in the same way.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from modules.array_types import IntArray
from modules.sessions.feature_names import ITEM_IDS
from pipeline.monitor.training_data import Sessions

LENGTH, POPULARITY = "session_length", "popularity"
LONGEST = 20
"""Sessions of this length or above are one category."""
DRAWS = 10
MOST_DRAWN = 10_000
"""Sessions of a sample at most, and served ones that are compared: fewer differ more by chance."""
_OTHERS = 5  # times as many sessions as a sample has: more hardly make a difference, but take time
MOST_CATEGORIES = 50_000
"""Items whose shares are compared, the most frequent ones. With TFDV's default of 1,000, two
samples of the same data seem far apart where items are rare: which of them are kept is chance."""
_BY_DEFAULT = 1_000  # in statistics that StatisticsGen wrote
_UNREACHABLE = 1.0  # a distance that cannot be exceeded: the comparators measure only with a limit
_MEASURES = {
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "change",
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: "divergence",
}
Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList


@dataclasses.dataclass(frozen=True)
class Distance:
    """How far the shares of a feature's categories are from those in the training data.

    Attributes:
      divergence: Jensen-Shannon divergence, from 0 to 1.
      change: largest difference of a category's shares (L-infinity distance).
      expected_divergence: the largest of `DRAWS` samples of training sessions from others; None
        without them.
      expected_change: the same of `change`.
    """

    divergence: float
    change: float
    expected_divergence: float | None = None
    expected_change: float | None = None


class Features:
    """Makes the compared features of sessions."""

    def __init__(self, known: Sequence[bytes], shortest: int) -> None:
        """Keeps what they need.

        Args:
          known: items of the model, the most frequent first; none for no popularity groups.
          shortest: length of the shortest sessions whose lengths count.
        """
        self._group = {item: popularity_group(rank) for rank, item in enumerate(known, 1)}
        self._shortest = shortest

    def statistics(self, sessions: Sessions) -> Statistics:
        """Returns TFDV's statistics of sessions."""
        groups = [self._group[item] for item in sessions.items.tolist() if item in self._group]
        lengths = [str(length) for length in self.lengths(sessions).tolist()]
        columns = {ITEM_IDS: sessions.items.tolist(), POPULARITY: groups, LENGTH: lengths}
        return _statistics({name: values for name, values in columns.items() if values})

    def lengths(self, sessions: Sessions) -> IntArray:
        """Returns the lengths that count, those above `LONGEST` cut to it."""
        found = sessions.lengths()
        return np.minimum(found[found >= self._shortest], LONGEST)

    def group_shares(self, sessions: Sessions) -> dict[str, float]:
        """Returns the share of each popularity group among the events with known items."""
        counts = Counter(filter(None, map(self._group.get, sessions.items.tolist())))
        names = dict.fromkeys(self._group.values())
        return {name: counts[name] / counts.total() for name in names} if counts else {}


def popularity_group(rank: int) -> str:
    """Returns the group of an item by its popularity rank from 1.

    >>> popularity_group(1), popularity_group(10), popularity_group(11), popularity_group(1001)
    ('1-10', '1-10', '11-100', '1,001-10,000')
    """
    power = max(len(str(rank - 1)), 1)
    return f"{10 ** (power - 1) + 1 if power > 1 else 1:,}-{10**power:,}"


def _statistics(
    columns: Mapping[str, Sequence[object]], categories: int = MOST_CATEGORIES
) -> Statistics:
    """Returns TFDV's statistics of columns, each of which has rows of its own: one per value."""
    found = statistics_pb2.DatasetFeatureStatisticsList()
    options = tfdv.StatsOptions(num_top_values=1, num_rank_histogram_buckets=categories)
    for name, values in columns.items():
        rows = pa.array(np.arange(len(values) + 1, dtype=np.int32))
        array = pa.ListArray.from_arrays(rows, pa.array(values, pa.binary()))
        batch = pa.RecordBatch.from_arrays([array], [name])
        part = stats_impl.generate_statistics_in_memory(batch, options)
        if not found.datasets:
            found.CopyFrom(part)
        else:
            found.datasets[0].features.extend(part.datasets[0].features)
    return found


def distances(training: Statistics, served: Statistics) -> dict[str, Distance]:
    """Returns the distances of all features that both statistics have, by feature."""
    names = _features(training) & _features(served)
    schema = schema_pb2.Schema()
    for name in sorted(names):
        comparator = schema.feature.add(name=name, type=schema_pb2.BYTES).skew_comparator
        comparator.infinity_norm.threshold = _UNREACHABLE
        comparator.jensen_shannon_divergence.threshold = _UNREACHABLE
    if not names:
        return {}
    found = tfdv.validate_statistics(training, schema, serving_statistics=served)
    return {
        info.path.step[0]: Distance(
            **{
                _MEASURES[measurement.type]: measurement.value
                for measurement in info.skew_measurements
                if measurement.type in _MEASURES
            }
        )
        for info in found.drift_skew_info
    }


def _features(statistics: Statistics) -> set[str]:
    return {feature.path.step[0] for data in statistics.datasets for feature in data.features}


def compare(
    training: Sessions, served: Sessions, known: Sequence[bytes], shortest: int, seed: int
) -> dict[str, Distance]:
    """Compares served sessions with training sessions, and samples of these as well.

    Args:
      training: sessions that the model learned, at least one.
      served: served sessions, at least one.
      known: items of the model, the most frequent first.
      shortest: length of the shortest sessions whose lengths count.
      seed: seed of the samples.
    """
    features = Features(known, shortest)
    rows = np.random.default_rng(seed).permutation(len(served))[:MOST_DRAWN]
    found = distances(features.statistics(training), features.statistics(served.take(rows)))
    drawn = list(_samples(training, len(served), features, seed))
    return {
        name: dataclasses.replace(
            distance,
            expected_divergence=_largest(draw[name].divergence for draw in drawn if name in draw),
            expected_change=_largest(draw[name].change for draw in drawn if name in draw),
        )
        for name, distance in found.items()
    }


def _samples(
    training: Sessions, served: int, features: Features, seed: int
) -> Iterator[dict[str, Distance]]:
    """Yields the distances of samples of training sessions from other training sessions."""
    size = min(served, len(training) // 2, MOST_DRAWN)
    random = np.random.default_rng(seed)
    for _ in range(DRAWS if size else 0):
        drawn = random.permutation(len(training))[: (1 + _OTHERS) * size]
        sample, others = (
            features.statistics(training.take(rows)) for rows in (drawn[:size], drawn[size:])
        )
        yield distances(others, sample)


def _largest(values: Iterable[float]) -> float | None:
    return max(values, default=None)


def compare_items(training: Statistics, served: Sessions) -> dict[str, Distance]:
    """Compares the items alone, with statistics of training that are all that is left."""
    found = distances(training, _statistics({ITEM_IDS: served.items.tolist()}, _BY_DEFAULT))
    return {name: distance for name, distance in found.items() if name == ITEM_IDS}


def moved_items(training: Sessions, served: Sessions, most: int = 10) -> list[dict[str, Any]]:
    """Returns the items whose shares differ most, with both shares, the largest change first."""
    before, now = (Counter(sessions.items.tolist()) for sessions in (training, served))
    total, served_total = max(before.total(), 1), max(now.total(), 1)
    changes = {
        item: abs(now[item] / served_total - before[item] / total) for item in {**before, **now}
    }
    return [
        {
            "item": item.decode("utf-8", "replace"),
            "training": before[item] / total,
            "served": now[item] / served_total,
        }
        for item in heapq.nlargest(most, changes, key=lambda item: (changes[item], item))
    ]
