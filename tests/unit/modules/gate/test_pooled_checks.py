"""Several days together: a slow decay, a small lead, and no day that refuses all after it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED, RankTable
from modules.gate import verdict
from modules.gate.check_record import FAILED, PASSED, SKIPPED
from modules.gate.day_records import (
    DAYS,
    DayRecord,
    PairedDifference,
    by_key,
    days_before,
    read_days,
    with_day,
)
from modules.gate.metric_checks import BASELINE, CHANGE, MetricCheck, is_blessed
from modules.gate.pooled_checks import pooled_mean, with_pooled_checks
from tests.rank_tables import BOUNDS, RECALL, make_table

HOUR = 3_600_000


class Days:
    """Evaluates one day after another, as the gate does."""

    def __init__(self, **options) -> None:
        defaults = {"beat_baselines": (), "slice_change_threshold": None, "resamples": 400}
        self.options = ModelGateOptions(**{**defaults, **options})
        self.days: list[DayRecord] = []

    def evaluate(self, day: int, table: RankTable, against: int | None = None) -> list[MetricCheck]:
        """Returns the checks of a day, and keeps its record."""
        comparison = verdict.Comparison(table, self.options, BOUNDS)
        checks = list(comparison.checks())
        start = 24 * day * HOUR
        differences = by_key(comparison.differences(checks))
        today = DayRecord(start, start + 23 * HOUR, False, differences, day, against)
        earlier = days_before(self.days, today, self.options.pooled_days - 1)
        checks = with_pooled_checks(checks, today, earlier, self.options)
        today = dataclasses.replace(today, blessed=is_blessed(checks))
        days = with_day(self.days, today, self.options.pooled_days)
        self.days = read_days(json.loads(json.dumps({DAYS: [each.as_json() for each in days]})))
        content = verdict.content(comparison, checks, self.options)
        assert [row["metric"] for row in content["rows"]] == [check.name for check in checks]
        return checks


def _table(change: float, other: str = LAST_BLESSED) -> RankTable:
    """Returns a day of 1,000 steps: the other hits 400, and 24 more differ by chance alone."""
    steps, hits, swapped, more = 1_000, 400, 12, round(change * 1_000)
    of_other = np.arange(steps) < hits
    of_candidate = of_other.copy()
    of_candidate[: swapped + max(-more, 0)] = False
    of_candidate[hits : hits + swapped + max(more, 0)] = True
    ranks = {CANDIDATE: of_candidate, other: of_other}
    return make_table(**{name: [[1 if hit else 50] for hit in row] for name, row in ranks.items()})


def _pooled(checks: list[MetricCheck]) -> list[MetricCheck]:
    return [check for check in checks if check.days]


def test_the_mean_over_days_by_hand() -> None:
    days = [
        PairedDifference(CHANGE, RECALL, None, difference, variance, n)
        for difference, variance, n in ((0.1, 0.04, 100), (-0.2, 0.01, 300))
    ]
    estimate = pooled_mean(days, 0.95)
    assert (estimate.value, estimate.n) == (pytest.approx(-0.125), 400)
    deviation = (0.04 / 16 + 0.01 * 9 / 16) ** 0.5
    assert estimate.interval == pytest.approx(
        (-0.125 - 1.959964 * deviation, -0.125 + 1.959964 * deviation)
    )


def test_a_slow_decay_that_no_single_day_shows_is_refused() -> None:
    """Ten days of -.006 each, each of them within the noise."""
    alone, together = Days(), Days(pooled_days=10)
    for day in range(10):
        table = _table(-0.006)
        assert is_blessed(alone.evaluate(day, table)), day
        checks = together.evaluate(day, table)
        singles = [check for check in checks if not check.days]
        assert is_blessed(singles), day
        if not is_blessed(checks):
            break
    pooled = next(check for check in _pooled(checks) if check.verdict == FAILED)
    assert 2 < pooled.days <= 10
    assert pooled.name == f"{RECALL} over {pooled.days} days"
    assert pooled.value == pytest.approx(-0.006 * pooled.days)
    assert pooled.reason.startswith(f"{pooled.name}: change from the last blessed model -0.0")
    assert pooled.reason.endswith("is below the limit -0.01, beyond noise")


def test_days_without_a_change_are_blessed_and_so_is_noise() -> None:
    days = Days(pooled_days=7)
    for day, change in enumerate([0.0, -0.008, 0.008, 0.0, -0.005, 0.008, 0.004, -0.006]):
        assert is_blessed(days.evaluate(day, _table(change))), day


def test_a_refused_day_refuses_no_day_after_it() -> None:
    days = Days(pooled_days=7)
    assert is_blessed(days.evaluate(0, _table(0.0)))
    assert not is_blessed(days.evaluate(1, _table(-0.2)))
    for day in (2, 3, 4):
        assert is_blessed(days.evaluate(day, _table(0.0))), day


def test_refusals_by_a_decay_end_when_its_days_are_past() -> None:
    days = Days(pooled_days=5)
    day = 0
    while is_blessed(days.evaluate(day, _table(-0.008))):
        day += 1
        assert day < 5
    refused = 1
    while not is_blessed(days.evaluate(day + refused, _table(0.0))):
        refused += 1
        assert refused < 5, "refused for ever"


def test_a_past_day_is_compared_without_the_days_after_it() -> None:
    days = Days(pooled_days=7)
    for day in (1, 2, 5, 6):
        days.evaluate(day, _table(0.0))
    checks = days.evaluate(3, _table(0.0))
    assert {check.days for check in _pooled(checks)} == {3}  # days 1, 2 and 3
    assert [day.first_start // (24 * HOUR) for day in days.days] == [1, 2, 3, 5, 6]


def test_a_small_lead_is_proven_by_days_together() -> None:
    """One day does not tell a lead of .006 from noise, and is no reason to refuse."""
    options = {"beat_baselines": ("stan",), "beat_metrics": (RECALL,)}
    alone, together = Days(**options), Days(**options, pooled_days=14)
    outcomes = []
    for day in range(14):
        table = _table(0.006, "stan")
        assert not is_blessed(alone.evaluate(day, table))
        outcomes.append(checks := together.evaluate(day, table))
    assert not is_blessed(outcomes[0])  # today alone, as without pooling
    (single,) = [check for check in checks if check.kind == BASELINE and not check.days]
    assert (single.verdict, single.passed) == (SKIPPED, True)
    assert single.reason.endswith("; 14 days together decide")
    (pooled,) = _pooled(checks)
    assert (pooled.verdict, pooled.against) == (PASSED, "stan")
    assert pooled.reason.startswith(f"{RECALL} over 14 days: beats stan by +0.0060 [+0.00")


def test_a_day_that_is_proven_worse_is_refused_whatever_the_others_were() -> None:
    options = {"beat_baselines": ("stan",), "beat_metrics": (RECALL,)}
    days = Days(**options, pooled_days=7)
    for day in range(6):
        days.evaluate(day, _table(0.1, "stan"))
    checks = days.evaluate(6, _table(-0.1, "stan"))
    assert [check.verdict for check in checks if check.kind == BASELINE] == [FAILED, PASSED]
    checks = days.evaluate(7, _table(0.1, "stan"))
    assert is_blessed(checks)
    assert {check.days for check in _pooled(checks)} == {6}  # without the refused one


def test_a_check_that_failed_for_another_cause_stays() -> None:
    missing = MetricCheck(RECALL, FAILED, "stan was not evaluated", BASELINE, against="stan")
    today = DayRecord(0, 1, False, {})
    assert with_pooled_checks([missing], today, [], ModelGateOptions()) == [missing]


@pytest.mark.parametrize(("against", "counted"), [((0, 1, 2), 3), ((0, 0, 0), None)])
def test_of_models_that_were_not_pushed_no_change_adds_up(
    against: tuple[int, ...], counted: int | None
) -> None:
    days = Days(pooled_days=7)
    for day, other in enumerate(against, 1):
        checks = days.evaluate(day, _table(-0.004), other)
        assert is_blessed(checks)
    assert {check.days for check in _pooled(checks)} == ({counted} if counted else set())
