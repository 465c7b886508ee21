"""Checks of statistics and anomalies, with a verdict each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from modules.config.options.data_gate import DataGateOptions
from modules.gate.check_record import SKIPPED, Check, outcome
from modules.sessions.feature_names import ITEM_IDS

COMPARED_SPLIT = "train"
NOT_COMPARED = "nothing to compare with"
# Without a limit, distances are measured against one that cannot be exceeded.
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
    """A check of the data; its name is the field of `DataGateOptions` with the limit.

    Attributes:
      split: split of the data.
      feature: feature, or `sessions` for the whole split.
      value: value found; None if nothing could be measured.
      limit: expected value; None if no limit is set.
    """

    split: str
    feature: str
    value: float | str | None
    limit: float | str | None


def anomaly_checks(
    anomalies: Mapping[str, anomalies_pb2.Anomalies], options: DataGateOptions
) -> Iterator[DataCheck]:
    """Yields a check per anomaly that ExampleValidator found, by split."""
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
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatistics], options: DataGateOptions
) -> Iterator[DataCheck]:
    """Yields a check of the number of sessions per split."""
    for split, found in statistics.items():
        count = found.num_examples
        yield DataCheck(
            split=split,
            feature="sessions",
            name="min_sessions",
            value=count,
            limit=options.min_sessions,
            verdict=outcome(count >= options.min_sessions),
            reason=f"{count:,} sessions, at least {options.min_sessions:,} required",
        )


def change_checks(
    current: statistics_pb2.DatasetFeatureStatisticsList,
    previous: statistics_pb2.DatasetFeatureStatisticsList | None,
    schema: schema_pb2.Schema,
    options: DataGateOptions,
) -> Iterator[DataCheck]:
    """Yields the comparisons of split train with that of the previous run."""
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
            verdict=SKIPPED if None in (value, limit) else outcome(is_within(value, limit)),
            reason=_sentence(meaning, value, limit, detail),
        )


def is_within(value: float | None, limit: float | None) -> bool:
    """Returns whether a value is within a limit, if there are both; NaN is not."""
    return value is None or limit is None or value <= limit


def _sentence(meaning: str, value: float | None, limit: float | None, detail: str) -> str:
    if value is None:
        return f"{meaning} was not measured, {NOT_COMPARED}"
    allowed = "no limit is set" if limit is None else f"at most {limit:.4g} is allowed"
    return f"{meaning} is {value:.4g}{detail}, {allowed}"


def _changes(
    current: statistics_pb2.DatasetFeatureStatisticsList,
    previous: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
    options: DataGateOptions,
) -> dict[str, tuple[float, str]]:
    """Returns (value, detail for people) by option."""
    old, new = (data.datasets[0].num_examples for data in (previous, current))
    short, long = (_mean_length(data.datasets[0]) for data in (previous, current))
    count = _relative_change(old, new), f" (from {old:,} to {new:,})"
    length = _relative_change(short, long), f" (from {short:.2f} to {long:.2f} items)"
    changes = {"max_session_count_change": count, "max_session_length_change": length}
    return _item_changes(current, previous, schema, options) | changes


def _relative_change(previous: float, current: float) -> float:
    if previous == current:
        return 0.0
    return abs(current - previous) / previous if previous else float("inf")


def _mean_length(data: statistics_pb2.DatasetFeatureStatistics) -> float:
    """Returns the mean number of items per session, 0 without sessions."""
    for feature in data.features:
        if list(feature.path.step) == [ITEM_IDS] and data.num_examples:
            return feature.string_stats.common_stats.tot_num_values / data.num_examples
    return 0.0


def _item_changes(
    current: statistics_pb2.DatasetFeatureStatisticsList,
    previous: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
    options: DataGateOptions,
) -> dict[str, tuple[float, str]]:
    """Returns the distances of item shares, over the most frequent items that TFDV keeps."""
    comparing = schema_pb2.Schema()
    comparing.CopyFrom(schema)
    comparator = tfdv.get_feature(comparing, ITEM_IDS).drift_comparator
    drift, divergence = (
        _UNREACHABLE if limit is None else limit
        for limit in (options.max_item_drift, options.max_item_divergence)
    )
    comparator.infinity_norm.threshold = drift
    comparator.jensen_shannon_divergence.threshold = divergence
    found = tfdv.validate_statistics(current, comparing, previous_statistics=previous)
    return {
        _MEASUREMENTS[measurement.type]: (measurement.value, _most_moved(found, measurement.type))
        for info in found.drift_skew_info
        if list(info.path.step) == [ITEM_IDS]
        for measurement in info.drift_measurements
        if measurement.type in _MEASUREMENTS
    }


def _most_moved(found: anomalies_pb2.Anomalies, measurement: int) -> str:
    """Returns the item that TFDV names if the L-infinity distance exceeds its limit."""
    if measurement == anomalies_pb2.DriftSkewInfo.Measurement.L_INFTY:
        for reason in found.anomaly_info[ITEM_IDS].reason:
            if reason.type == anomalies_pb2.AnomalyInfo.COMPARATOR_L_INFTY_HIGH:
                return f" (item {reason.description.rpartition(': ')[2]!r} changed most)"
    return ""
