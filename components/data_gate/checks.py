"""The checks of the data gate: statistics and anomalies in, one verdict per check out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from modules.config.checks import CheckOptions
from modules.gate.check import SKIPPED, Check, outcome
from modules.sessions.feature_names import ITEM_IDS

COMPARED_SPLIT = "train"

NOT_COMPARED = "nothing to compare with"

# Distances are measured also where no limit is set, against one that cannot be exceeded.
_UNREACHABLE = 1.0
_MEASUREMENTS = {
    anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY: "max_item_drift",
    anomalies_pb2.DriftSkewInfo.Measurement.JENSEN_SHANNON_DIVERGENCE: "max_item_divergence",
}
_MEANINGS = {
    "max_item_drift": "the largest change of an item's share of all events",
    "max_item_divergence": "the Jensen-Shannon divergence of the items' shares",
    "max_session_count_change": "the relative change of the number of sessions",
    "max_session_length_change": "the relative change of the mean session length",
}


@dataclasses.dataclass(frozen=True)
class DataCheck(Check):
    """A check of the data; its name is the field of `CheckOptions` that holds the limit.

    Attributes:
      split: which data.
      feature: which feature, or `sessions` for the split as a whole.
      value: what was found; None where nothing could be measured.
      limit: what was expected; None where no limit is set.
    """

    split: str
    feature: str
    value: float | str | None
    limit: float | str | None


def anomaly_checks(
    anomalies: Mapping[str, anomalies_pb2.Anomalies], options: CheckOptions
) -> Iterator[DataCheck]:
    """Yields one check per anomaly that ExampleValidator found, by split."""
    for split, found in anomalies.items():
        infos = dict(found.anomaly_info)
        if found.HasField("dataset_anomaly_info"):
            infos["sessions"] = found.dataset_anomaly_info
        for feature, info in sorted(infos.items()):
            severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
            yield DataCheck(
                split=split,
                feature=feature,
                name="stop_severities",
                value=severity,
                limit=", ".join(options.stop_severities) or None,
                verdict=outcome(severity not in options.stop_severities),
                reason=f"{info.short_description}: {info.description}",
            )


def session_checks(
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatistics], options: CheckOptions
) -> Iterator[DataCheck]:
    """Yields one check per split: are there enough sessions?"""
    for split, found in statistics.items():
        count = found.num_examples
        yield DataCheck(
            split=split,
            feature="sessions",
            name="min_sessions",
            value=count,
            limit=options.min_sessions,
            verdict=outcome(count >= options.min_sessions),
            reason=f"{count:,} sessions, at least {options.min_sessions:,} are needed",
        )


def change_checks(
    current: statistics_pb2.DatasetFeatureStatisticsList,
    previous: statistics_pb2.DatasetFeatureStatisticsList | None,
    schema: schema_pb2.Schema,
    options: CheckOptions,
) -> Iterator[DataCheck]:
    """Yields the comparisons of this run's train split with the previous one's."""
    measured = {} if previous is None else _changes(current, previous, schema, options)
    for option, meaning in _MEANINGS.items():
        feature = ITEM_IDS if option in _MEASUREMENTS.values() else "sessions"
        limit = getattr(options, option)
        value, detail = measured.get(option, (None, ""))
        yield DataCheck(
            split=COMPARED_SPLIT,
            feature=feature,
            name=option,
            value=value,
            limit=limit,
            verdict=_verdict(value, limit),
            reason=_sentence(meaning, value, limit, detail),
        )


def _verdict(value: float | None, limit: float | None) -> str:
    if value is None or limit is None:
        return SKIPPED
    # Not `value > limit`: a value that is not a number must not pass.
    return outcome(value <= limit)


def _sentence(meaning: str, value: float | None, limit: float | None, detail: str) -> str:
    if value is None:
        return f"{meaning} was not measured, {NOT_COMPARED}"
    allowed = "no limit is set" if limit is None else f"at most {limit:.4g} is allowed"
    return f"{meaning} is {value:.4g}{detail}, {allowed}"


def _changes(
    current: statistics_pb2.DatasetFeatureStatisticsList,
    previous: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
    options: CheckOptions,
) -> dict[str, tuple[float, str]]:
    """Returns (value, detail for people) per option of a comparison that could be made."""
    counts = [data.datasets[0].num_examples for data in (previous, current)]
    lengths = [_mean_length(data.datasets[0]) for data in (previous, current)]
    return {
        **_item_changes(current, previous, schema, options),
        "max_session_count_change": (
            _relative_change(*counts),
            f" (from {counts[0]:,} to {counts[1]:,})",
        ),
        "max_session_length_change": (
            _relative_change(*lengths),
            f" (from {lengths[0]:.2f} to {lengths[1]:.2f} items)",
        ),
    }


def _relative_change(previous: float, current: float) -> float:
    if previous == current:
        return 0.0
    return abs(current - previous) / previous if previous else float("inf")


def _mean_length(data: statistics_pb2.DatasetFeatureStatistics) -> float:
    """Returns items per session, or 0 where there are none."""
    for feature in data.features:
        if list(feature.path.step) == [ITEM_IDS] and data.num_examples:
            return feature.string_stats.common_stats.tot_num_values / data.num_examples
    return 0.0


def _item_changes(
    current: statistics_pb2.DatasetFeatureStatisticsList,
    previous: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
    options: CheckOptions,
) -> dict[str, tuple[float, str]]:
    """Measures the distances of item shares, over the most frequent items that TFDV keeps."""
    comparing = schema_pb2.Schema()
    comparing.CopyFrom(schema)
    comparator = tfdv.get_feature(comparing, ITEM_IDS).drift_comparator
    comparator.infinity_norm.threshold = _or_unreachable(options.max_item_drift)
    comparator.jensen_shannon_divergence.threshold = _or_unreachable(options.max_item_divergence)
    found = tfdv.validate_statistics(current, comparing, previous_statistics=previous)
    return {
        _MEASUREMENTS[measurement.type]: (measurement.value, _most_moved(found, measurement.type))
        for info in found.drift_skew_info
        if list(info.path.step) == [ITEM_IDS]
        for measurement in info.drift_measurements
        if measurement.type in _MEASUREMENTS
    }


def _or_unreachable(limit: float | None) -> float:
    return _UNREACHABLE if limit is None else limit


def _most_moved(found: anomalies_pb2.Anomalies, measurement: int) -> str:
    """Returns the item that TFDV names when the L-infinity distance is above its limit."""
    if measurement != anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY:
        return ""
    for reason in found.anomaly_info[ITEM_IDS].reason:
        if reason.type == anomalies_pb2.AnomalyInfo.COMPARATOR_L_INFTY_HIGH:
            return f" (item {reason.description.rpartition(': ')[2]!r} moved most)"
    return ""
