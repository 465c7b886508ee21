import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from components.data_gate import checks
from modules.config.options.data_gate import DataGateOptions
from modules.gate.check_record import FAILED, PASSED, SKIPPED

SCHEMA = schema_pb2.Schema(
    feature=[schema_pb2.Feature(name="item_ids", type=schema_pb2.FeatureType.BYTES)]
)
LIMITS = DataGateOptions(
    max_item_drift=0.2,
    max_item_divergence=0.1,
    max_session_count_change=0.5,
    max_session_length_change=0.25,
)


def statistics_of(item_counts, sessions=100):
    """What StatisticsGen writes for sessions with these item counts."""
    result = statistics_pb2.DatasetFeatureStatisticsList()
    data = result.datasets.add(num_examples=sessions)
    feature = data.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    feature.path.step.append("item_ids")
    common = feature.string_stats.common_stats
    common.num_non_missing = sessions
    common.tot_num_values = sum(item_counts.values())
    feature.string_stats.unique = len(item_counts)
    ranked = sorted(item_counts.items(), key=lambda item: -item[1])
    for rank, (label, count) in enumerate(ranked):
        feature.string_stats.rank_histogram.buckets.add(
            low_rank=rank, high_rank=rank, label=label, sample_count=count
        )
    return result


def compare(current, previous, options=LIMITS):
    found = checks.change_checks(current, previous, SCHEMA, options)
    return {check.name: check for check in found}


def test_item_drift_is_the_largest_change_of_a_share():
    found = compare(statistics_of({"a": 50, "b": 50}), statistics_of({"a": 50, "b": 100, "c": 50}))
    drift = found["max_item_drift"]
    assert drift.value == pytest.approx(0.25)
    assert (drift.verdict, drift.limit) == (FAILED, 0.2)
    assert "is 0.25 (item 'c' changed most), at most 0.2 is allowed" in drift.reason
    assert found["max_item_divergence"].value == pytest.approx(0.155639, abs=1e-6)


def test_disjoint_items_are_as_far_apart_as_can_be():
    found = compare(statistics_of({"a": 9}), statistics_of({"b": 9}))
    assert found["max_item_drift"].value == 1.0
    assert found["max_item_divergence"].value == pytest.approx(1.0)


def test_the_same_data_do_not_differ():
    data = statistics_of({"a": 3, "b": 5})
    assert [check.value for check in compare(data, data).values()] == [0.0] * 4
    assert {check.verdict for check in compare(data, data).values()} == {PASSED}


@pytest.mark.parametrize(
    ("previous", "current", "change", "verdict"),
    [
        (100, 50, 0.5, PASSED),
        (100, 49, 0.51, FAILED),
        (100, 151, 0.51, FAILED),
        (0, 10, float("inf"), FAILED),
        (0, 0, 0.0, PASSED),
    ],
)
def test_session_count_change_is_relative_to_the_previous_count(previous, current, change, verdict):
    items = {"a": 100}
    found = compare(statistics_of(items, current), statistics_of(items, previous))
    check = found["max_session_count_change"]
    assert check.value == pytest.approx(change)
    assert check.verdict == verdict
    assert f"(from {previous} to {current})" in check.reason


def test_session_length_is_items_per_session():
    check = compare(statistics_of({"a": 300}), statistics_of({"a": 200}))[
        "max_session_length_change"
    ]
    assert check.value == pytest.approx(0.5)
    assert "from 2.00 to 3.00 items" in check.reason


def test_without_limits_everything_is_still_measured():
    found = compare(statistics_of({"a": 9}, 10), statistics_of({"b": 900}), DataGateOptions())
    assert {check.verdict for check in found.values()} == {SKIPPED}
    assert all(check.value > 0 for check in found.values())


def test_without_earlier_data_nothing_is_compared():
    found = compare(statistics_of({"a": 9}), None)
    assert {check.verdict for check in found.values()} == {SKIPPED}
    assert {check.value for check in found.values()} == {None}


def test_a_distance_that_is_not_a_number_fails():
    assert not checks.is_within(float("nan"), 0.5)


def test_a_split_with_too_few_sessions_fails():
    statistics = {
        split: statistics_of({}, sessions).datasets[0]
        for split, sessions in (("train", 5), ("test", 0))
    }
    found = list(checks.session_checks(statistics, DataGateOptions(min_sessions=1)))
    assert [(check.split, check.verdict) for check in found] == [
        ("train", PASSED),
        ("test", FAILED),
    ]
    assert found[1].reason == "0 sessions, at least 1 required"


def anomalies_of(severity):
    info = anomalies_pb2.AnomalyInfo(
        severity=severity, short_description="Column dropped", description="it is not there"
    )
    return anomalies_pb2.Anomalies(anomaly_info={"item_ids": info})


@pytest.mark.parametrize(
    ("severity", "stop", "verdict"),
    [
        ("ERROR", ("ERROR",), FAILED),
        ("WARNING", ("ERROR",), PASSED),
        ("WARNING", ("ERROR", "WARNING"), FAILED),
        ("ERROR", (), PASSED),
    ],
)
def test_anomalies_stop_by_severity(severity, stop, verdict):
    anomalies = {"test": anomalies_of(anomalies_pb2.AnomalyInfo.Severity.Value(severity))}
    (check,) = checks.anomaly_checks(anomalies, DataGateOptions(stop_severities=stop))
    assert (check.split, check.feature, check.value) == ("test", "item_ids", severity)
    assert check.verdict == verdict
    assert check.reason == "Column dropped: it is not there"


def test_anomalies_of_the_data_set_as_a_whole_count_too():
    info = anomalies_pb2.AnomalyInfo(severity=anomalies_pb2.AnomalyInfo.ERROR)
    anomalies = {"train": anomalies_pb2.Anomalies(dataset_anomaly_info=info)}
    (check,) = checks.anomaly_checks(anomalies, DataGateOptions())
    assert (check.feature, check.verdict) == ("sessions", FAILED)
