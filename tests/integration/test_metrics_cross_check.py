"""Our metrics against those of ir-measures (trec_eval, MS MARCO) on the same rankings.

Its sources break ties each in a way of its own, by names. So they are given rankings without ties,
in which the target comes after the items that it ties with, as it does in
`modules/evaluation/metrics.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ir_measures
import numpy as np
import numpy.typing as npt
import pytest

from modules.baselines.registry import IndexedSplits
from modules.baselines.session_knn import STAN
from modules.evaluation import metrics
from modules.evaluation.metric_names import K_VALUES, STEPS, VIEWS, count_name, metric_name
from modules.evaluation.ranks import conservative_rank
from pipeline.sample.generate import generate_sessions

MEASURES = {
    f"{metric}@{k}": measure @ k
    for metric, measure in {
        "recall": ir_measures.R,
        "mrr": ir_measures.RR,
        "ndcg": ir_measures.nDCG,
    }.items()
    for k in K_VALUES
}
Ranking = Mapping[str, int]


def _ranking(items: npt.ArrayLike, scores: npt.ArrayLike, target: int) -> Ranking:
    """Returns the places of items from the end, by falling score; of equal ones the target last."""
    items = np.asarray(items)
    order = np.lexsort((items == target, -np.asarray(scores)))
    return {str(item): len(items) - place for place, item in enumerate(items[order].tolist())}


def _means(rankings: Sequence[Ranking], targets: Sequence[int]) -> dict[str, float]:
    """Returns the mean of every metric over rankings, one target each, by ir-measures."""
    qrels = {str(row): {str(target): 1} for row, target in enumerate(targets)}
    run = {str(row): ranking for row, ranking in enumerate(rankings)}
    found = ir_measures.calc_aggregate(MEASURES.values(), qrels, run)
    return {name: found[measure] for name, measure in MEASURES.items()}


@pytest.mark.parametrize("levels", [1_000_000, 20])
def test_metrics_of_full_score_rows_agree(levels: int) -> None:
    """With 20 levels nearly every target ties with others."""
    random = np.random.default_rng(1)
    scores = random.integers(0, levels, (400, 150)).astype(np.float64)
    target = random.integers(0, 150, 400)
    # Half of the targets are lifted, so that small cutoffs have something to tell.
    scores[np.arange(200), target[:200]] += levels * random.uniform(0.5, 1, 200).round(1)

    rank = conservative_rank(scores, target)
    found = metrics.metrics_from_rank_histogram(metrics.rank_histogram(rank))

    rankings = [_ranking(range(150), row, item) for row, item in zip(scores, target, strict=True)]
    expected = _means(rankings, target.tolist())
    assert found == pytest.approx(expected)
    assert 0.1 < found["recall@1"] < found["recall@100"] < 1


def test_metrics_of_a_baseline_agree_in_every_view() -> None:
    """STAN scores some items only; what it does not score is a miss, as an unknown target is."""
    train, test = generate_sessions(900)
    judged = IndexedSplits.of(
        [session.item_ids for session in train],
        [session.item_ids for session in test],
        [session.event_times[0] for session in train],
        own_items=False,
    )
    baseline = STAN()
    baseline.fit(judged.train, judged.items)
    ranks = judged.ranks(baseline)
    found = metrics.metrics_from_rank_histograms(ranks.histograms())

    scores, targets = baseline.scores(judged.steps), judged.steps.target
    rankings = []
    for step, target in enumerate(targets):
        stored = slice(scores.indptr[step], scores.indptr[step + 1])
        rankings.append(_ranking(scores.indices[stored], scores.data[stored], target))
    session = np.repeat(np.arange(len(judged.offsets) - 1), np.diff(judged.offsets))
    for view in VIEWS:
        counted = ranks.known if view == "known" else np.ones_like(ranks.known)
        places = np.flatnonzero(counted)
        last = places[np.diff(session[places], append=-1) != 0]
        for steps, chosen in zip(STEPS, (places, last), strict=True):
            assert found[count_name(view, steps)] == len(chosen) > 200
            expected = _means([rankings[place] for place in chosen], targets[chosen].tolist())
            for name, value in expected.items():
                full_name = metric_name(view, steps, *_parts(name))
                assert found[full_name] == pytest.approx(value), full_name


def _parts(name: str) -> tuple[str, int]:
    metric, k = name.split("@")
    return metric, int(k)
