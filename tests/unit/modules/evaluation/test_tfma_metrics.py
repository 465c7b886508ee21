import json
import math
import pickle

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that

from modules.config.options.evaluation import EvaluationOptions
from modules.evaluation import tfma_metrics
from modules.evaluation.metric_names import evaluator_names
from modules.evaluation.slice_names import bucket_names

BOUNDS = {"context_length": (1, 3), "target_count": (0, 5, 50)}


def make_session(steps, seed, padding=0, known=None):
    """One session's outputs as TFMA hands them over: right-padded int64 arrays."""
    random = np.random.default_rng(seed)
    real = {
        "rank": random.integers(1, 140, steps),
        "known": random.integers(0, 2, steps) if known is None else np.full(steps, known),
        "context_length": np.sort(random.integers(0, 6, steps)),
        "target_count": random.integers(0, 80, steps),
    }
    return {name: np.pad(values, (0, padding)) for name, values in real.items()}


def make_sessions():
    sessions = [make_session(1 + seed % 9, seed, padding=seed % 4) for seed in range(60)]
    return [*sessions, make_session(5, 100, known=0), make_session(1, 101, known=1)]


def as_inputs(session, model_name=""):
    predictions = {model_name: session} if model_name else session
    return tfma.metrics.StandardMetricInputs(predictions=predictions)


def combine(sessions, model_name="", shards=1):
    combiner = tfma_metrics.RankHistogramCombiner(model_name, BOUNDS)
    accumulators = []
    for shard in range(shards):
        accumulator = combiner.create_accumulator()
        for session in sessions[shard::shards]:
            accumulator = combiner.add_input(accumulator, as_inputs(session, model_name))
        accumulators.append(pickle.loads(pickle.dumps(accumulator)))
    return combiner.extract_output(combiner.merge_accumulators(accumulators))


def by_name(results):
    return {key.name: value for key, value in results.items()}


def plain_steps(sessions, view, steps):
    """(rank, context length, target count) of each step that counts, one by one."""
    for session in sessions:
        rows = list(
            zip(
                session["rank"],
                session["known"],
                session["context_length"],
                session["target_count"],
                strict=True,
            )
        )
        counted = [
            (rank, length, count)
            for rank, known, length, count in rows
            if rank > 0 and (view == "honest" or known)
        ]
        yield from counted[-1:] if steps == "last" else counted


def plain_mean(metric, k, ranks):
    gains = {
        "recall": lambda rank: 1.0,
        "mrr": lambda rank: 1.0 / rank,
        "ndcg": lambda rank: 1.0 / math.log2(rank + 1),
    }
    return sum(gains[metric](rank) for rank in ranks if rank <= k) / len(ranks)


@pytest.mark.parametrize("shards", [1, 7])
def test_every_metric_equals_the_plain_computation(shards):
    sessions = make_sessions()
    results = by_name(combine(sessions, shards=shards))
    checked = 0
    for view in ("honest", "known"):
        for steps in ("all", "last"):
            ranks = [rank for rank, _, _ in plain_steps(sessions, view, steps)]
            assert results[f"{view}/{steps}/n"] == len(ranks)
            for metric in ("recall", "mrr", "ndcg"):
                for k in (1, 5, 10, 20, 100):
                    expected = plain_mean(metric, k, ranks)
                    assert results[f"{view}/{steps}/{metric}@{k}"] == pytest.approx(
                        expected, abs=1e-9
                    )
                    checked += 1
    assert checked == 60


@pytest.mark.parametrize(
    ("name", "position", "low", "high"),
    [
        ("context_length=0..1", 1, 0, 1),
        ("context_length=2..3", 1, 2, 3),
        ("context_length=4..", 1, 4, math.inf),
        ("target_count=0", 2, 0, 0),
        ("target_count=1..5", 2, 1, 5),
        ("target_count=6..50", 2, 6, 50),
        ("target_count=51..", 2, 51, math.inf),
    ],
)
def test_step_slices_equal_the_plain_computation(name, position, low, high):
    sessions = make_sessions()
    sessions[0]["target_count"][:] = 0
    results = by_name(combine(sessions))
    for view in ("honest", "known"):
        steps = [s for s in plain_steps(sessions, view, "all") if low <= s[position] <= high]
        ranks = [step[0] for step in steps]
        assert results[f"{view}/all/n/{name}"] == len(ranks)
        for metric in ("recall", "mrr"):
            expected = plain_mean(metric, 20, ranks) if ranks else math.nan
            assert results[f"{view}/all/{metric}@20/{name}"] == pytest.approx(
                expected, abs=1e-9, nan_ok=True
            )


def test_slices_of_one_output_share_out_all_steps():
    results = by_name(combine(make_sessions()))
    for output in BOUNDS:
        names = bucket_names(output, BOUNDS[output])
        assert sum(results[f"honest/all/n/{name}"] for name in names) == results["honest/all/n"]


def test_the_names_announced_are_the_names_computed():
    names = evaluator_names(BOUNDS)
    assert sorted(by_name(combine(make_sessions()))) == sorted(names)
    assert len(set(names)) == len(names)


def test_last_step_of_the_known_view_is_the_last_known_one():
    session = {
        "rank": np.array([3, 1, 50, 0]),
        "known": np.array([0, 1, 0, 0]),
        "context_length": np.array([1, 1, 1, 0]),
        "target_count": np.array([0, 4, 0, 0]),
    }
    results = by_name(combine([session]))
    assert results["known/last/recall@1"] == 1.0
    assert results["honest/last/recall@20"] == 0.0


def test_more_padding_changes_nothing():
    sessions = make_sessions()
    wider = [{name: np.pad(row, (0, 5)) for name, row in s.items()} for s in sessions]
    assert combine(sessions) == pytest.approx(combine(wider), nan_ok=True)


def test_more_sessions_than_are_counted_at_once():
    sessions = make_sessions() * 20
    one_round = by_name(combine(make_sessions()))
    results = by_name(combine(sessions))
    assert len(sessions) > 1000
    assert results["honest/all/n"] == 20 * one_round["honest/all/n"]
    assert results["known/last/ndcg@10"] == pytest.approx(one_round["known/last/ndcg@10"])


def test_a_mean_over_nothing_is_nan_and_its_count_is_zero():
    results = by_name(combine([make_session(4, 1, known=0)]))
    assert math.isnan(results["known/all/recall@20"])
    assert results["known/all/n"] == 0
    assert results["honest/all/n"] == 4


def test_the_combiner_gives_the_same_in_a_beam_pipeline():
    sessions = make_sessions()
    expected = combine(sessions)

    def equal(found):
        assert found[0] == pytest.approx(expected, nan_ok=True)

    with TestPipeline(runner=FnApiRunner()) as pipeline:
        result = (
            pipeline
            | beam.Create([as_inputs(session) for session in sessions])
            | beam.CombineGlobally(tfma_metrics.RankHistogramCombiner("", BOUNDS))
        )
        assert_that(result, equal)


def test_each_model_has_its_own_computation_and_keys():
    metric = tfma_metrics.SessionRankMetrics((1,), (0,), source_digest="a")
    computations = metric.computations(model_names=["candidate", "baseline"])
    assert [{key.model_name for key in c.keys} for c in computations] == [
        {"candidate"},
        {"baseline"},
    ]
    results = computations[1].combiner.extract_output(computations[1].combiner.create_accumulator())
    assert set(results) == set(computations[1].keys)


def test_predictions_are_taken_by_model_name():
    session = make_session(4, 5)
    named = combine([session], model_name="candidate")
    assert by_name(named) == pytest.approx(by_name(combine([session])), nan_ok=True)


def test_a_signature_without_an_output_is_named():
    session = make_session(3, 1)
    del session["target_count"]
    with pytest.raises(ValueError, match=r"'evaluate' must return .*; target_count missing"):
        combine([session])


def config_of(**options):
    return tfma_metrics.eval_config(EvaluationOptions(**options), source_digest="abc")


def test_the_digest_of_the_code_is_part_of_the_configuration():
    config = config_of()
    assert json.loads(config.metrics_specs[0].metrics[0].config)["source_digest"] == "abc"
    assert config != tfma_metrics.eval_config(EvaluationOptions(), source_digest="abd")


def test_the_evaluator_has_no_thresholds_so_it_blesses_nobody():
    config = tfma.utils.update_eval_config_with_defaults(config_of(), has_baseline=True)
    assert not tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, config)
