"""The gate's arithmetic, by hand."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from modules.config.evaluation import EvaluationOptions
from modules.config.gate import GateOptions
from modules.evaluation import metrics
from modules.evaluation.beyond_accuracy import RecommendationStats, sampled
from modules.evaluation.bootstrap import (
    percentile_interval,
    ratios,
    resampled_sums,
    sampling_units,
)
from modules.evaluation.intervals import MetricEstimate, MetricEstimates
from modules.evaluation.item_history import item_history
from modules.evaluation.metric_names import slice_names
from modules.evaluation.rank_table import (
    CANDIDATE,
    LAST_BLESSED,
    RankTable,
    TablesDifferError,
    all_metrics,
    empty_table,
    from_parquet,
    to_parquet,
)
from modules.evaluation.ranks import UNRANKED
from modules.gate import checks as gate_checks
from modules.gate import verdict
from modules.gate.checks import Check
from modules.gate.known_metrics import slice_bounds
from modules.gate.model_card import model_card
from modules.gate.verdict_table import format_verdict

BOUNDS = slice_bounds(EvaluationOptions(), GateOptions())
PROJECT = Path(__file__).parents[4]
PURE = (
    "config.gate",
    "evaluation.beyond_accuracy",
    "evaluation.bootstrap",
    "evaluation.intervals",
    "evaluation.item_history",
    "evaluation.metric_names",
    "evaluation.rank_table",
    "gate.checks",
    "gate.verdict",
    "gate.verdict_table",
)
RECALL = "honest/all/recall@20"
DAY = 86_400_000


@pytest.mark.parametrize("module", PURE)
def test_examples_in_docstrings(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"modules.{module}"))
    assert found.failed == 0


def make_table(**ranks: list[list[int]]) -> RankTable:
    """Makes a table of sessions of ranks; a step is unknown where the first column's rank is 99."""
    first = next(iter(ranks.values()))
    flat = {name: np.concatenate([*map(np.array, rows)]) for name, rows in ranks.items()}
    lengths = [len(row) for row in first]
    steps = sum(lengths)
    return RankTable(
        session_ids=np.array([f"s{index}".encode() for index in range(len(first))], object),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        known=next(iter(flat.values())) != 99,
        context_length=np.concatenate([np.arange(1, length + 1) for length in lengths]),
        target_count=np.where(next(iter(flat.values())) == 99, 0, 5),
        item_age=np.arange(steps) - 1,
        ranks=flat,
    )


# ---- bootstrap


def test_two_sessions_have_three_possible_draws() -> None:
    # Session a: 1 hit of 1; b: 0 of 3. Draws: aa 1/1 (1 in 4), ab 1/4 (2 in 4), bb 0/3 (1 in 4).
    drawn = resampled_sums(np.array([[1.0, 1.0], [0.0, 3.0]]), resamples=20_000, seed=3)
    values, counts = np.unique(ratios(drawn[:, 0], drawn[:, 1]), return_counts=True)
    assert values.tolist() == [0.0, 0.25, 1.0]
    np.testing.assert_allclose(counts / 20_000, [0.25, 0.5, 0.25], atol=0.015)


def test_an_interval_is_that_of_the_normal_theory() -> None:
    random = np.random.default_rng(0)
    hits = random.random(4_000) < 0.3
    per_session = np.stack([hits, np.ones(4_000)], axis=1)
    drawn = resampled_sums(per_session, resamples=4_000, seed=0)
    interval = percentile_interval(ratios(drawn[:, 0], drawn[:, 1]), 0.95)
    error = 1.96 * math.sqrt(hits.mean() * (1 - hits.mean()) / 4_000)
    assert interval == pytest.approx((hits.mean() - error, hits.mean() + error), abs=0.0015)


def test_whole_sessions_are_drawn() -> None:
    # Ten equal steps a session tell no more than one: as wide as over single steps of 100 sessions.
    hits = np.repeat(np.arange(100) % 2, 1).astype(float)
    for steps in (1.0, 10.0):
        drawn = resampled_sums(np.stack([hits * steps, np.full(100, steps)], 1), 2_000, seed=1)
        low, high = percentile_interval(drawn[:, 0] / drawn[:, 1], 0.95) or (0, 0)
        assert high - low == pytest.approx(2 * 1.96 * 0.05, abs=0.02)


def test_the_same_seed_gives_the_same_draws() -> None:
    values = np.random.default_rng(0).random((50, 3))
    again = resampled_sums(values, 200, seed=7)
    np.testing.assert_array_equal(resampled_sums(values, 200, seed=7), again)
    assert not np.array_equal(resampled_sums(values, 200, seed=8), again)


def test_groups_of_sessions_give_the_same_interval() -> None:
    random = np.random.default_rng(2)
    values = np.stack([random.random(20_000), np.ones(20_000)], axis=1)
    widths = []
    for most in (20_000, 500):
        unit = sampling_units(20_000, seed=0, max_units=most)
        per_unit = np.stack([np.bincount(unit, column) for column in values.T], axis=1)
        drawn = resampled_sums(per_unit, 1_000, seed=0)
        low, high = percentile_interval(drawn[:, 0] / drawn[:, 1], 0.95) or (0, 0)
        widths.append(high - low)
    assert len(per_unit) == 500
    assert widths[1] == pytest.approx(widths[0], rel=0.12)


def test_nothing_has_no_interval() -> None:
    drawn = resampled_sums(np.zeros((0, 2)), resamples=5, seed=0)
    assert drawn.shape == (5, 2)
    assert percentile_interval(ratios(drawn[:, 0], drawn[:, 1]), 0.95) is None


# ---- rank table and figures


def test_metrics_are_those_of_the_protocol() -> None:
    rows = [[1, 99, 3], [2], [99, 40], [7, 8, 21, 1]]
    table = make_table(candidate=rows)
    padded = np.array([row + [0] * (4 - len(row)) for row in rows])
    known = (padded > 0) & (padded != 99)
    assert all_metrics(table, CANDIDATE) == pytest.approx(metrics.metrics_from_ranks(padded, known))


def test_the_last_step_is_the_last_of_its_view() -> None:
    table = make_table(candidate=[[1, 2, 99], [99], [99, 5]])
    assert np.flatnonzero(table.counted("honest", "last")).tolist() == [2, 3, 5]
    assert np.flatnonzero(table.counted("known", "last")).tolist() == [1, 5]


def test_every_step_is_in_one_slice_of_each_feature() -> None:
    table = make_table(candidate=[[1, 99, 3, 4, 5, 6, 7], [8] * 20, [99, 99]])
    for feature in BOUNDS:
        names = [name for name in slice_names(BOUNDS) if name.startswith(feature)]
        inside = np.sum([table.in_slice(name, BOUNDS) for name in names], axis=0)
        assert inside.tolist() == [1] * len(table.known), feature
    assert np.flatnonzero(table.in_slice("item_age=new", BOUNDS)).tolist() == [0]
    assert np.flatnonzero(table.in_slice("item_age=2..3", BOUNDS)).tolist() == [3, 4]
    assert np.flatnonzero(table.in_slice("session_length=3", BOUNDS)).tolist() == [27, 28]
    assert table.rows(ids("s2", "s0"), np.array([1, 0])).tolist() == [28, 0]
    with pytest.raises(ValueError, match="no slice is called 'item_age=5'"):
        table.in_slice("item_age=5", BOUNDS)
    with pytest.raises(ValueError, match="no column item_age"):
        dataclasses.replace(table, item_age=None).in_slice("item_age=new", BOUNDS)


def test_a_table_reads_back_the_same() -> None:
    table = make_table(candidate=[[1, 99], [3]], popularity=[[4, 5], [6]])
    for written in (table, empty_table([CANDIDATE]), dataclasses.replace(table, item_age=None)):
        found = from_parquet(to_parquet(written))
        assert all_metrics(found, CANDIDATE) == pytest.approx(
            all_metrics(written, CANDIDATE), nan_ok=True
        )
        assert found.session_ids.tolist() == written.session_ids.tolist()
        assert list(found.ranks) == list(written.ranks)
        np.testing.assert_array_equal(found.item_age, written.item_age)


def test_only_tables_of_the_same_steps_are_joined() -> None:
    table = make_table(candidate=[[1, 2], [3]])
    joined = table.joined(make_table(popularity=[[4, 5], [6]]))
    assert joined.ranks["popularity"].tolist() == [4, 5, 6]
    with pytest.raises(TablesDifferError, match="3 and 2 steps in 2 and 2 sessions"):
        table.joined(make_table(popularity=[[4], [6]]))
    long = dataclasses.replace(table, session_ids=np.array([b"x" * 1000, b"y" * 1000], object))
    with pytest.raises(TablesDifferError, match=r"such as session 's0', which only one"):
        table.joined(long)
    with pytest.raises(TablesDifferError, match="and 800 more characters") as caught:
        long.joined(dataclasses.replace(table, session_ids=np.array([b"z1", b"z2"], object)))
    assert len(str(caught.value)) < 600


def test_figures_and_paired_differences_by_hand() -> None:
    table = make_table(candidate=[[1, 30], [2]], popularity=[[30, 30], [1]])
    figures = MetricEstimates(table, [RECALL, f"{RECALL}/context_length=2"], BOUNDS, 500, seed=0)
    assert figures.value(RECALL, CANDIDATE) == pytest.approx(2 / 3)
    assert figures.value(f"{RECALL}/context_length=2", CANDIDATE) == 0
    assert figures.n(f"{RECALL}/context_length=2") == 1
    difference = figures.difference(RECALL, CANDIDATE, "popularity", 0.95)
    assert (difference.value, difference.n) == (pytest.approx(1 / 3), 3)
    # Draws: both sessions twice (1/2), each once (1/3), the second twice (0).
    assert difference.interval == pytest.approx((0.0, 0.5))


def test_a_count_of_steps_is_no_mean() -> None:
    table = make_table(candidate=[[1, 30], [2]])
    figures = MetricEstimates(table, [gate_checks.STEPS_JUDGED], BOUNDS, 100, seed=0)
    check = gate_checks.value_check(
        figures.figure(gate_checks.STEPS_JUDGED, CANDIDATE, 0.95), gate_checks.STEPS_JUDGED, 1.0
    )
    assert (check.value, check.interval, check.n) == (3.0, None, 3)
    assert check.reason == "honest/all/n: 3 is not below the threshold 1"


def test_pairing_removes_what_sessions_have_in_common() -> None:
    random = np.random.default_rng(0)
    easy = random.random(2_000) < 0.5
    candidate = np.where(easy, 1, 99_999)
    other = candidate.copy()
    other[:20] = 99_999  # a hundredth of all, half of them hits
    rows = {"candidate": candidate[:, None].tolist(), "other": other[:, None].tolist()}
    figures = MetricEstimates(make_table(**rows), [RECALL], BOUNDS, 1_000, seed=0)
    paired = figures.difference(RECALL, CANDIDATE, "other", 0.95).interval
    alone = figures.figure(RECALL, CANDIDATE, 0.95).interval
    assert paired and alone and paired[0] > 0
    assert (paired[1] - paired[0]) < (alone[1] - alone[0]) / 4


# ---- verdict


def figure(value: float, low: float, high: float) -> MetricEstimate:
    return MetricEstimate(value, None if math.isnan(value) else (low, high), 100)


@pytest.mark.parametrize(
    ("found", "verdict_", "words"),
    [
        (figure(0.1, 0.02, 0.2), "passed", "beats stan by +0.1000 [+0.0200, +0.2000], above 0.01"),
        (figure(0.1, 0.01, 0.2), "failed", "does not beat stan beyond noise"),
        (figure(-0.1, -0.2, -0.02), "failed", "is worse than stan"),
        (figure(0.0, 0.0, 0.0), "failed", "is worse than stan"),
        (figure(math.nan, 0, 0), "failed", "nothing to measure"),
    ],
)
def test_beating_a_baseline(found: MetricEstimate, verdict_: str, words: str) -> None:
    check = gate_checks.baseline_check(found, RECALL, "stan", margin=0.01)
    assert check.verdict == verdict_
    assert words in check.reason


@pytest.mark.parametrize(
    ("found", "verdict_", "words"),
    [
        (figure(0.0, 0.0, 0.0), "passed", "+0.0000 [+0.0000, +0.0000] is not below the limit"),
        (figure(-0.005, -0.008, -0.002), "passed", "is not below the limit -0.01"),
        (figure(-0.02, -0.05, 0.01), "passed", "but noise can explain it"),
        (figure(-0.02, -0.03, -0.001), "failed", "is below the limit -0.01, beyond noise"),
        (figure(math.nan, 0, 0), "failed", "nothing to measure"),
    ],
)
def test_falling_behind_the_last_blessed_model(
    found: MetricEstimate, verdict_: str, words: str
) -> None:
    check = gate_checks.change_check(found, RECALL, threshold=-0.01)
    assert check.verdict == verdict_
    assert words in check.reason


def test_a_slice_without_steps_is_skipped_and_blocks_nobody() -> None:
    check = gate_checks.change_check(
        figure(math.nan, 0, 0), RECALL, -0.01, gate_checks.SLICE_CHANGE
    )
    assert (check.verdict, check.passed) == ("skipped", True)


@pytest.mark.parametrize(
    ("value", "low", "high", "passed"),
    [
        (0.5, 0.5, None, True),
        (0.49, 0.5, None, False),
        (2.0, None, 2.0, True),
        (2.1, None, 2.0, False),
        (math.nan, 0.5, None, False),
        (math.nan, None, 2.0, False),
    ],
)
def test_limits(value: float, low: float | None, high: float | None, passed: bool) -> None:
    assert gate_checks.limit_check("x", value, low, high, 10, "words").passed == passed


def test_a_verdict_needs_checks_and_no_failure() -> None:
    good = Check(gate_checks.VALUE, "a", gate_checks.PASSED, "a is fine")
    skipped = Check(gate_checks.MODEL, "b", gate_checks.SKIPPED, "b is lost")
    bad = Check(gate_checks.VALUE, "c", gate_checks.FAILED, "c is bad")
    slices = [
        Check(gate_checks.SLICE_CHANGE, f"d/{i}", gate_checks.PASSED, "same") for i in range(3)
    ]
    assert not gate_checks.is_blessed([])
    assert gate_checks.is_blessed([good, skipped])
    assert gate_checks.reasons([good, skipped, bad, *slices]) == ["c is bad"]
    assert gate_checks.reasons([good, skipped, *slices]) == [
        "a is fine",
        "b is lost",
        "none of 3 slices falls behind the last blessed model",
    ]


def test_intervals_of_slices_are_wider_together() -> None:
    random = np.random.default_rng(0)
    rows = {name: random.integers(1, 60, (300, 12)).tolist() for name in (CANDIDATE, LAST_BLESSED)}
    options = GateOptions(resamples=4_000)
    comparison = verdict.Comparison(make_table(**rows), options, BOUNDS)
    checks = {check.metric: check for check in comparison.checks()}
    of_slice = checks["honest/all/recall@20/context_length=3..5"]
    alone = comparison.figures.difference(of_slice.metric, CANDIDATE, LAST_BLESSED, 0.95)
    assert of_slice.interval and alone.interval
    together = of_slice.interval[1] - of_slice.interval[0]
    assert together > 1.2 * (alone.interval[1] - alone.interval[0])


def test_the_evaluators_figures_must_be_those_of_the_ranks() -> None:
    table = make_table(candidate=[[1, 30], [2]])
    evaluation: dict[str, float | int | None] = dict(all_metrics(table, CANDIDATE))
    assert verdict.agreement_check(table, evaluation).passed
    wrong = {**evaluation, RECALL: 2 / 3 + 2e-6}
    check = verdict.agreement_check(table, wrong)
    assert not check.passed
    assert "in 1 metrics: honest/all/recall@20 is 0.6666667 here and" in check.reason
    assert not verdict.agreement_check(table, {}).passed
    assert verdict.agreement_check(empty_table([CANDIDATE]), {}).passed


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 99])
def test_a_target_that_cannot_be_recommended_is_a_miss_in_every_figure(size: int) -> None:
    random = np.random.default_rng(size)
    lost = UNRANKED
    columns = {
        name: [
            [lost if random.random() < 0.4 else int(random.integers(1, size + 1)) for _ in range(4)]
            for _ in range(30)
        ]
        for name in (CANDIDATE, LAST_BLESSED, "popularity")
    }
    table = make_table(**columns)
    names = [f"honest/all/{metric}@{k}" for metric in metrics.PER_STEP for k in metrics.K_VALUES]
    figures = MetricEstimates(table, names, BOUNDS, 100, seed=0)
    for column, rows in columns.items():
        ranks = [rank for row in rows for rank in row]
        found = all_metrics(table, column)
        for name in names:
            metric, _, k = name.split("/")[2].partition("@")
            gain = {"recall": lambda _: 1.0, "mrr": lambda r: 1 / r}.get(
                metric, lambda r: 1 / math.log2(r + 1)
            )
            hits = [gain(rank) for rank in ranks if rank != lost and rank <= int(k)]
            assert found[name] == pytest.approx(sum(hits) / len(ranks)), name
            assert figures.value(name, column) == pytest.approx(sum(hits) / len(ranks)), name


def test_the_model_must_know_every_item_of_its_data() -> None:
    items = [b"a", b"b", b"c\xc3\xa9"]
    check = verdict.items_check(items, frozenset(items), ["train", "eval"])
    assert (check.metric, check.verdict, check.n) == ("items = vocabulary", "passed", 3)
    assert check.reason == "the model knows all 3 items of train and eval"
    check = verdict.items_check(items, frozenset([b"a", b"__SPACE__"]), ["train"])
    assert check.verdict == "failed"
    assert check.reason == (
        "3 items in train, 2 known to the model: 2 are missing, such as 'b', 'cé'; 1 are not in "
        "the data, such as '__SPACE__'. Transform's vocabulary must hold every item that is read"
    )
    assert verdict.items_check(items, None, ["train"]).verdict == "skipped"


def test_model_and_baselines_must_know_the_same_steps() -> None:
    table = make_table(candidate=[[1, 30], [2], [4, 5, 6]])
    same = make_table(popularity=[[9, 9], [9], [9, 9, 9]])
    check = verdict.steps_check(table, same)
    assert (check.metric, check.verdict, check.n) == ("steps = baselines", "passed", 6)
    assert check.reason == "the baselines have the same 6 steps, 6 known"
    known = same.known.copy()
    known[[2, 4]] = False
    check = verdict.steps_check(table, dataclasses.replace(same, known=known))
    assert check.verdict == "failed"
    assert "differs in 2 of 6 steps: 6 and 3 steps are known to the model and 4 and 2" in (
        check.reason
    )
    assert "the first that differs is step 0 of session 's1'," in check.reason
    long = dataclasses.replace(table, session_ids=np.array([b"x" * 1000] * 3, object))
    assert len(verdict.steps_check(long, dataclasses.replace(same, known=known)).reason) < 600
    shorter = dataclasses.replace(same, context_length=same.context_length - 1)
    assert not verdict.steps_check(table, shorter).passed
    counted = dataclasses.replace(same, target_count=same.target_count + 1)
    assert not verdict.steps_check(table, counted).passed


def test_the_table_shows_failures_of_slices_and_counts_the_others() -> None:
    rows = {CANDIDATE: [[50, 1]] * 80 + [[1, 1]] * 20, LAST_BLESSED: [[1, 1]] * 100}
    comparison = verdict.Comparison(make_table(**rows), GateOptions(beat_baselines=()), BOUNDS)
    checks = list(comparison.checks())
    content = verdict.content(comparison, checks, GateOptions())
    lines = format_verdict(content).splitlines()
    assert lines[0].split()[:2] == ["metric", "candidate"]
    (line,) = [line for line in lines if "context_length=0..1" in line]
    assert line.split()[0] == f"{RECALL}/context_length=0..1"
    assert line.endswith("failed") and "0.2000" in line and ">= last blessed -0.05" in line
    assert any(line.endswith("slices against the last blessed model: passed") for line in lines)
    assert not any("context_length=2 " in line for line in lines)


def test_options_that_cannot_be_used() -> None:
    assert GateOptions().problems() == []
    bad = GateOptions(
        change_thresholds={RECALL: 0.01}, item_age_buckets=(3, 1), confidence=1.0, resamples=5
    )
    problems = "\n".join(bad.problems())
    for part in ("change_thresholds", "item_age_buckets must rise", "confidence", "resamples"):
        assert part in problems


# ---- beyond accuracy


def ids(*values: str) -> np.ndarray:
    return np.array([value.encode() for value in values], object)


def test_figures_beyond_accuracy_by_hand() -> None:
    # a 4 events, b 2, c 1, d 1 of 8 in training.
    history = item_history(
        [(ids("a", "a", "b", "c"), np.arange(4)), (ids("a", "d", "b", "a"), np.arange(4))]
    )
    tally = RecommendationStats(history)
    recommended = np.stack([ids("a", "b"), ids("a", "c")])
    scores = np.array([[2.0, 1.0], [2.0, np.nan]])
    tally.add(np.array([0, 1]), [[b"b"], [b"d", b"c"]], ids("b", "new"), recommended, scores)
    assert tally.coverage == 3 / 4
    assert tally.ratios() == pytest.approx(
        {
            "average_popularity@20": (4 + 2 + 4 + 1) / 4,
            "target_popularity": 2.0,  # the new target has no popularity to compare with
            "popularity_ratio@20": (11 / 4) / 2,
            "novelty@20": (1 + 2 + 1 + 3) / 4,
            "repeats@20": 2 / 4,
        }
    )
    assert (tally.prefixes, tally.not_finite) == (2, 1)
    figures = tally.figures(resamples=200, seed=0, confidence=0.95)
    assert figures["prefixes"] == figures["sessions"] == 2
    assert figures["novelty@20"]["interval"] == [1.5, 2.0]
    assert figures["coverage@20"] == {"value": 0.75, "interval": None}


def test_rows_that_end_without_an_item_count_what_they_hold() -> None:
    """Fewer items on offer than asked for: empty ids at the end are no recommendation."""
    history = item_history([(ids("a", "a", "b", "c"), np.arange(4))])
    short, full = RecommendationStats(history), RecommendationStats(history)
    scores = np.array([[2.0, 1.0, -np.inf]])
    short.add(np.array([0]), [[b"a"]], ids("b"), np.stack([ids("a", "b", "")]), scores)
    full.add(np.array([0]), [[b"a"]], ids("b"), np.stack([ids("a", "b")]), scores[:, :2])
    assert short.ratios() == full.ratios()
    assert short.coverage == full.coverage == 2 / 3


def test_figures_beyond_accuracy_by_slice() -> None:
    history = item_history([(ids("a", "a", "b", "c"), np.arange(4))])
    tally = RecommendationStats(history, ["short", "long", "none"])
    recommended = np.stack([ids("a", "b"), ids("a", "b"), ids("c", "a")])
    in_slices = np.array([[True, True, False], [False, False, True], [False] * 3])
    tally.add(
        np.array([0, 0, 1]),
        [[b"a"], [b"a", b"b"], [b"z"]],
        ids("b", "a", "a"),
        recommended,
        np.ones((3, 2)),
        in_slices,
    )
    found = tally.figures(resamples=200, seed=0, confidence=0.95)
    assert found["prefixes"] == 3 and found["coverage@20"]["value"] == 1.0
    slices = found["slices"]
    assert list(slices) == ["short", "long"]  # one without a prefix says nothing
    assert (slices["short"]["prefixes"], slices["short"]["sessions"]) == (2, 1)
    assert slices["short"]["coverage@20"]["value"] == pytest.approx(2 / 3)
    assert slices["short"]["repeats@20"]["value"] == 3 / 4
    assert slices["short"]["popularity_ratio@20"]["value"] == 1.0  # 6 / 4 to (1 + 2) / 2
    assert slices["long"]["repeats@20"]["value"] == 0.0
    assert slices["long"]["novelty@20"] == {"value": 1.5, "interval": [1.5, 1.5]}


def test_no_recommendation_gives_no_figure() -> None:
    found = RecommendationStats(item_history([])).figures(resamples=100, seed=0, confidence=0.95)
    assert found["prefixes"] == 0
    assert {entry["value"] for name, entry in found.items() if "@" in name} == {None}


def test_a_sample_of_sessions_is_fixed_and_about_as_large_as_asked() -> None:
    session_ids = np.array([f"session-{index}".encode() for index in range(20_000)], object)
    chosen = sampled(session_ids, 0.1, seed=42)
    assert 1_800 < chosen.sum() < 2_200
    np.testing.assert_array_equal(sampled(session_ids[::-1], 0.1, seed=42)[::-1], chosen)
    assert (sampled(session_ids, 0.3, seed=42) | ~chosen).all()
    assert (sampled(session_ids, 0.1, seed=1) != chosen).any()


def test_ages_are_days_since_the_first_training_event() -> None:
    batches = [(ids("a", "b"), np.array([10 * DAY, 3 * DAY])), (ids("a"), np.array([DAY]))]
    history = item_history(batches)
    positions = history.lookup(ids("a", "a", "b", "z", "b"))
    assert positions.tolist() == [0, 0, 1, -1, 1]
    times = np.array([DAY, 3 * DAY - 1, 10 * DAY, 10 * DAY, 0])
    assert history.age_days(positions, times).tolist() == [0, 1, 7, -1, 0]
    assert history.counts_of(positions).tolist() == [2, 2, 1, 0, 1]


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_import_neither_tensorflow_nor_tfx(module: str) -> None:
    text = PROJECT.joinpath("modules", *module.split(".")).with_suffix(".py").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert lines
    for line, heavy in itertools.product(lines, ("tensorflow", "tfx", "apache_beam")):
        assert heavy not in line


@pytest.mark.parametrize("rows", [[[1, 30], [2]], []])
def test_the_model_card_tells_use_data_metrics_and_limits(rows: list[list[int]]) -> None:
    table = make_table(candidate=rows) if rows else empty_table([CANDIDATE])
    history = item_history([(ids("a", "b"), np.array([DAY, 3 * DAY]))])
    comparison = verdict.Comparison(table, GateOptions(beat_baselines=()), BOUNDS)
    card = model_card(
        verdict.content(
            comparison,
            list(comparison.checks()),
            GateOptions(),
            split="test",
            candidate={"id": 7, "uri": "/m"},
            last_blessed={"status": "unusable", "message": "cannot be loaded: OSError"},
            training_data=verdict.training_data(history, ["train"]),
            beyond_accuracy=RecommendationStats(history).figures(100, 0, 0.95),
        )
    )
    for heading in ("## Intended use", "## Data", "## Metrics", "## Limits"):
        assert heading in card
    assert "2 events of 2 items (1970-01-02 to 1970-01-04; split train)" in card
    assert "cannot be loaded: OSError" in card
    if rows:
        assert "**blessed**" in card
        assert "Judged on 3 steps of 2 sessions (split test), 1 of them (33%) towards" in card
        assert "| honest/all/recall@20 | 0.6667 [0.5000, 1" in card
    else:
        assert "**not blessed**" in card and "honest/all/n: 0 is below the threshold 1" in card
