"""What was measured against the limits of the section `monitor`."""

from __future__ import annotations

import pytest

from modules.config.options.monitor import MonitorOptions
from pipeline.monitor.limits import limit_checks

DISTANCE = {
    "divergence": 0.3,
    "expected_divergence": 0.1,
    "change": 0.4,
    "expected_change": 0.01,
}
VERSION = {
    "sessions": 100,
    "oov_share": 0.2,
    "stale_share": 0.3,
    "empty_share": 0.0,
    "p99_ms": 40.0,
    "age_days": 5.0,
    "distances": {name: DISTANCE for name in ("item_ids", "popularity", "session_length")},
}
LIMITS = {
    "max_oov_share": 0.1,
    "max_stale_click_share": 0.1,
    "max_p99_ms": 20.0,
    "max_age_days": 2.0,
    "max_item_drift": 0.2,
    "max_item_divergence": 0.2,
    "max_popularity_divergence": 0.2,
    "max_length_divergence": 0.2,
}


def _check(option, limit, **changes):
    report = {"versions": {"7": {**VERSION, **changes}}, "canary": None}
    (check,) = limit_checks(report, MonitorOptions(**{option: limit}))
    return check


@pytest.mark.parametrize("option", LIMITS)
def test_a_value_above_its_limit_fails_and_one_below_passes(option):
    check = _check(option, LIMITS[option])
    assert (check.name, check.version, check.verdict) == (option, "7", "failed")
    assert "is allowed" in check.reason
    assert _check(option, 10 * LIMITS[option] if LIMITS[option] >= 1 else 1.0).passed


def test_a_limit_of_nothing_can_be_exceeded():
    assert _check("max_empty_share", 0.0).passed
    assert not _check("max_empty_share", 0.0, empty_share=0.001).passed


@pytest.mark.parametrize(("sessions", "verdict"), [(19, "skipped"), (20, "failed")])
def test_few_sessions_raise_no_alarm(sessions, verdict):
    assert _check("max_oov_share", 0.1, sessions=sessions).verdict == verdict


def test_what_was_not_measured_is_skipped():
    check = _check("max_oov_share", 0.1, oov_share=None)
    assert (check.verdict, check.value) == ("skipped", None)
    assert _check("max_item_divergence", 0.1, distances={}).verdict == "skipped"


def test_a_distance_that_samples_of_training_sessions_have_too_raises_no_alarm():
    noise = {"item_ids": {"divergence": 0.3, "expected_divergence": 0.35}}
    check = _check("max_item_divergence", 0.2, distances=noise)
    assert check.verdict == "skipped"
    assert "samples of training sessions differ by up to 0.350" in check.reason
    alone = {"item_ids": {"divergence": 0.3, "expected_divergence": None}}
    assert _check("max_item_divergence", 0.2, distances=alone).verdict == "failed"


@pytest.mark.parametrize(("verdict", "passed"), [("worse", False), ("no difference shown", True)])
def test_a_worse_canary_fails_unless_that_is_switched_off(verdict, passed):
    metrics = {"recall@20": {"verdict": verdict}, "slow": {"verdict": "better"}}
    canary = {"version": "8", "verdict": verdict, "metrics": metrics}
    report = {"versions": {"7": VERSION}, "canary": canary}
    (check,) = limit_checks(report, MonitorOptions())
    assert (check.version, check.passed) == ("8", passed)
    assert ("Recall@20" in check.reason) != passed
    assert limit_checks(report, MonitorOptions(canary_worse=False)) == []
