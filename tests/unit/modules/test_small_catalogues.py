"""Every metric at every K where the catalogue is about as small as K, or smaller.

The reference is plain Python: what is recommended is a list of item ids, best first, and a target
that is not in the list is a miss at every K, however short the list. Everything that turns scores
into metrics must agree with it: the arithmetic, TensorFlow's ranks, each baseline, the exported
model, TFMA's combiner, the selection of epochs and score adjustments.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from modules.baselines.base import SparseBaseline
from modules.baselines.registry import BASELINES, IndexedSplits, make_baseline
from modules.config.options.features import FeatureOptions
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.item_indices import FIRST_ITEM, NO_ITEM
from modules.data.vocabulary import Vocabulary
from modules.evaluation import metrics, tf_ranks, tfma_metrics
from modules.evaluation.metric_names import K_VALUES
from modules.evaluation.prediction_steps import ScoredSteps
from modules.evaluation.ranks import UNRANKED, conservative_rank
from modules.evaluation.selection_metric import MRR, RECALL
from modules.model.two_tower import TwoTower
from modules.serving import recommender as serving
from modules.serving.exact_index import ExactIndex, with_recommendable
from modules.serving.score_adjustments import SessionAdjustments
from modules.sessions.examples import ExampleEncoder
from modules.training import fitting, score_adjustment_search
from modules.training.score_adjustment_search import AdjustmentGrid
from modules.training.training_run import TrainingRun
from tests import small_model

SIZES = (1, 2, 19, 20, 21, 99, 100, 101)
NAN, INF = float("nan"), float("inf")


class Step(NamedTuple):
    """A step: what was recommended, best first, and what came next.

    Without unknown items in the prefix, which the known view drops, another list may come out.
    """

    recommended: list[Any]
    target: Any
    is_known: bool
    in_known_view: list[Any] | None = None


def _value(metric: str, k: int, recommended: list[Any], target: Any) -> float:
    if target not in recommended[:k]:
        return 0.0
    place = recommended.index(target) + 1
    return {"recall": 1.0, "mrr": 1 / place, "ndcg": 1 / math.log2(place + 1)}[metric]


def reference(sessions: Sequence[Sequence[Step]]) -> dict[str, float]:
    """All metrics by name, step by step."""
    values: dict[str, float] = {}
    for view, steps in itertools.product(("honest", "known"), ("all", "last")):
        counted = []
        for session in sessions:
            of_view = [step for step in session if view == "honest" or step.is_known]
            counted += of_view[-1:] if steps == "last" else of_view
        values[f"{view}/{steps}/n"] = len(counted)
        for metric, k in itertools.product(("recall", "mrr", "ndcg"), (1, 5, 10, 20, 100)):
            found = [_value(metric, k, _list(step, view), step.target) for step in counted]
            values[f"{view}/{steps}/{metric}@{k}"] = sum(found) / len(found) if found else NAN
    return values


def _list(step: Step, view: str) -> list[Any]:
    return step.in_known_view if view == "known" and step.in_known_view else step.recommended


def listed(scores: Sequence[float], target: int = -1, withdrawn: Sequence[int] = ()) -> list[int]:
    """Items from the best score down; equal ones, and a NaN elsewhere, come before the target.

    What is scored NaN or -inf is not recommended; only a NaN is in the way of others.
    """
    ahead = [item for item, score in enumerate(scores) if math.isnan(score) and item != target]
    rest = [item for item, score in enumerate(scores) if score > -INF]
    rest.sort(key=lambda item: (-scores[item], item == target))
    return [item for item in [*ahead, *rest] if item not in withdrawn]


def _place(recommended: list[Any], target: Any) -> int:
    return recommended.index(target) + 1 if target in recommended else UNRANKED


def _close(values: dict[str, float]) -> object:
    return pytest.approx(values, abs=1e-9, nan_ok=True)


def _random_steps(size: int) -> list[list[Step]]:
    """Sessions of up to six steps; a third of the targets is in no list.

    Every other list differs in the known view.
    """
    random = np.random.default_rng(size)
    sessions = []
    for _ in range(60):
        steps = []
        for _ in range(random.integers(0, 7)):
            target = int(random.integers(0, size)) if random.random() < 0.67 else -1
            recommended, other = (random.permutation(size).tolist() for _ in range(2))
            known_view = other if random.random() < 0.5 else None
            steps.append(Step(recommended, target, target >= 0, known_view))
        sessions.append(steps)
    # Known, but cut from the catalogue: a miss in both views.
    sessions.append([Step(list(range(size)), size + 5, True)])
    return sessions


def _padded(sessions: list[list[Step]]) -> tuple[np.ndarray, ...]:
    rank, known, known_rank = np.zeros((3, len(sessions), 7), np.int64)
    for row, session in enumerate(sessions):
        for column, step in enumerate(session):
            rank[row, column] = _place(step.recommended, step.target)
            known[row, column] = step.is_known
            known_rank[row, column] = _place(_list(step, "known"), step.target)
    return rank, known, known_rank


def test_a_target_that_cannot_be_recommended_is_beyond_every_k_and_fits_the_tables() -> None:
    assert UNRANKED > metrics.BINS > metrics.MAX_K
    assert np.int64(UNRANKED).astype(np.int32) == UNRANKED
    for k in K_VALUES:
        for per_step in metrics.PER_STEP.values():
            assert per_step([UNRANKED], k).tolist() == [0.0]


@pytest.mark.parametrize("size", SIZES)
def test_the_arithmetic(size: int) -> None:
    sessions = _random_steps(size)
    ranks = _padded(sessions)
    expected = _close(reference(sessions))

    assert metrics.metrics_from_ranks(*ranks) == expected
    histograms = metrics.rank_histograms(*ranks)
    assert metrics.metrics_from_rank_histograms(histograms) == expected


@pytest.mark.parametrize("size", SIZES)
def test_the_evaluators_combiner(size: int) -> None:
    sessions = _random_steps(size)
    rank, known, known_rank = _padded(sessions)
    combiner = tfma_metrics.RankHistogramCombiner(
        "", {"context_length": (1,), "target_count": (0,)}
    )
    row = np.stack([rank, known, known, known, known_rank], axis=1)
    found = combiner.extract_output((combiner.create_accumulator()[0], list(row)))

    values = {key.name: value for key, value in found.items() if "=" not in key.name}
    assert values == _close(reference(sessions))


def _random_scores(size: int, rows: int) -> np.ndarray:
    """Many ties, and some items without a score."""
    random = np.random.default_rng(size + 1)
    scores = random.integers(0, 4, (rows, size)).astype(np.float32)
    scores[random.random(scores.shape) < 0.1] = NAN
    scores[random.random(scores.shape) < 0.1] = -INF
    scores[:3] = NAN
    return scores


@pytest.mark.parametrize("size", SIZES)
def test_ranks_of_numpy_and_tensorflow(size: int) -> None:
    scores = _random_scores(size, 40)
    random = np.random.default_rng(size)
    target = random.integers(-1, size, 40)
    allowed = random.random(size) < 0.8
    # The scores are as given: they are added to products that are 0.
    queries, columns = tf.zeros([40, 1]), tf.zeros([1, size])
    places = tf.tile(tf.range(size)[None], [40, 1])
    changes = tf_ranks.Changes(places, tf.constant(scores))
    ranks = tf_ranks.conservative_rank(
        queries, columns, tf.constant(target), tf.constant(allowed), changes
    )
    withdrawn = np.flatnonzero(~allowed).tolist()
    pairs = list(zip(scores.tolist(), target.tolist(), strict=True))
    assert ranks.numpy().tolist() == [_place(listed(row, t, withdrawn), t) for row, t in pairs]
    found = conservative_rank(scores, target).tolist()
    assert found == [_place(listed(row, t), t) for row, t in pairs]


def _random_sessions(seed: int, names: Sequence[str], count: int = 40) -> list[list[str]]:
    random = np.random.default_rng(seed)
    return [list(random.choice(names, random.integers(1, 7))) for _ in range(count)]


def _known_scores(name: str, evaluated: IndexedSplits) -> Iterator[list[float]]:
    """The scores of a baseline at each step, of all known items."""
    baseline = make_baseline(name)
    baseline.fit(evaluated.train, evaluated.items)
    steps = evaluated.steps
    events = Counter(evaluated.train.items.tolist())
    for row in range(len(steps)):
        prefix = steps.items[steps.first[row] : steps.end[row]].tolist()
        scores = [-INF] * evaluated.items
        if isinstance(baseline, SparseBaseline):
            stored = baseline.scores(steps.take([row])).tocoo()
            for item, score in zip(stored.col.tolist(), stored.data.tolist(), strict=True):
                scores[item] = score
        else:
            for item in range(evaluated.items):
                visits = prefix.count(item) if name == "session_popularity" else 0
                scores[item] = visits + events[item] / (1 + events[item])
        yield scores


def _with_own(scores: list[float], prefix: list[Any], target: Any) -> list[Any]:
    """What a baseline recommends after a prefix of positions and unknown ids, best first."""
    own = [item for item in dict.fromkeys(prefix[::-1]) if isinstance(item, str)]
    if own and own[0] == prefix[-1]:
        own = [*own[1:], own[0]]
    earlier = {item for item in prefix if not isinstance(item, str)} - {prefix[-1]}
    places = [_place(listed(scores, item), item) for item in earlier]
    best = min((place for place in places if place != UNRANKED), default=0)
    recommended: list[Any] = listed(scores, -1 if isinstance(target, str) else target)
    return [*recommended[:best], *own, *recommended[best:]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", BASELINES)
def test_each_baseline(name: str, size: int) -> None:
    items = [f"i{number}" for number in range(size)]
    train = [*_random_sessions(1, items), items]
    test = [*_random_sessions(2, [*items, "new 1", "new 2"]), ["new 1", "new 2"], ["new 1"]]
    evaluated = IndexedSplits.of(train, test, range(len(train)))
    scores = _known_scores(name, evaluated)
    known = iter(evaluated.known.tolist())
    position = {item: place for place, item in enumerate(dict.fromkeys(itertools.chain(*train)))}
    expected = []
    for session in test:
        places = [position.get(item, item) for item in session]
        expected.append([])
        for end, target in enumerate(places[1:], start=1):
            found = next(scores)
            without = listed(found, -1 if isinstance(target, str) else target)
            recommended = _with_own(found, places[:end], target)
            expected[-1].append(Step(recommended, target, next(known), without))
    baseline = make_baseline(name)
    baseline.fit(evaluated.train, evaluated.items)

    found = metrics.metrics_from_rank_histograms(evaluated.ranks(baseline).histograms())

    assert found == _close(reference(expected))


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_misses_what_is_new_to_the_session_too(name: str) -> None:
    evaluated = IndexedSplits.of([["a", "b"]], [["x", "y", "z"], ["a", "x"]], [0])
    baseline = make_baseline(name)
    baseline.fit(evaluated.train, evaluated.items)

    found = metrics.metrics_from_rank_histograms(evaluated.ranks(baseline).histograms())

    assert found["honest/all/n"] == 3
    assert found["honest/all/recall@100"] == found["honest/all/mrr@100"] == 0


def _adjusted(
    scores: Sequence[float], context: list[int], seen: SessionAdjustments, weight: float
) -> list[float]:
    """Scores with popularity (here an item's number) and the context's adjustments."""
    current = context[-1]
    return [
        score
        + weight * item
        + (-seen.current_item_penalty if item == current else 0.0)
        + (seen.earlier_item_boost if item != current and item in context else 0.0)
        for item, score in enumerate(scores)
    ]


@pytest.mark.parametrize("size", SIZES)
def test_the_selection_of_score_adjustments(size: int) -> None:
    random = np.random.default_rng(size)
    scores = _random_scores(size, 30)
    lengths = random.integers(1, 4, 30)
    context = random.integers(0, size, (30, 3))
    target = random.integers(0, size, 30)
    padded = np.where(np.arange(3) < lengths[:, None], context, NO_ITEM)
    grid = AdjustmentGrid((0.0, 2.0), (0.0, 1.5), (0.0, 0.5))
    block = ScoredSteps(scores, padded, target, np.arange(size, dtype=np.float32))

    _, recall, mrr = score_adjustment_search.search([block], grid)

    reached = []
    for weight, penalty, boost in itertools.product((0.0, 0.5), (0.0, 2.0), (0.0, 1.5)):
        steps = []
        for row in range(30):
            seen = context[row, : lengths[row]].tolist()
            adjusted = _adjusted(
                scores[row].tolist(), seen, SessionAdjustments(penalty, boost), weight
            )
            steps.append(Step(listed(adjusted, target[row]), int(target[row]), True))
        values = reference([[step] for step in steps])
        reached.append((values["honest/all/recall@20"], values["honest/all/mrr@20"]))
    best = max(reached, key=lambda pair: math.sqrt(pair[0] * pair[1]))
    assert (recall, mrr) == pytest.approx(best)


class Scores(NamedTuple):
    """Replaces a model by fixed scores."""

    scores: np.ndarray

    def scored_steps(self, batches: tf.data.Dataset) -> Iterator[ScoredSteps]:
        for context, target in batches:
            size = self.scores.shape[1]
            places = context.numpy() - FIRST_ITEM, target.numpy()[:, 0] - FIRST_ITEM
            yield ScoredSteps(self.scores, *places, np.zeros(size, np.float32))


@pytest.mark.parametrize("size", [1, 20])
def test_early_stopping_prefers_no_epoch_whose_scores_are_nan(size: int) -> None:
    """Of twenty items a NaN target was among the best twenty: the worst epoch would be the best."""
    windows = tf.data.Dataset.from_tensors(tf.ragged.constant([[2, 2]], tf.int32))
    evaluate = fitting.epoch_eval_fn(
        TrainingRun(FeatureOptions(), ModelOptions(), TrainerOptions(), "", "", ""),
        fitting.TrainingData(windows, tf.ones([size + FIRST_ITEM], tf.int64), windows),
    )

    assert evaluate(Scores(np.full([1, size], NAN, np.float32))) == (0.0, 0.0)
    assert evaluate(Scores(np.zeros([1, size], np.float32)))[0] == 1.0


OPTIONS = dataclasses.replace(small_model.OPTIONS, num_neighbors=0)


def _model(counts: Sequence[int]) -> TwoTower:
    tf.keras.utils.set_random_seed(3)
    model = TwoTower(
        tf.constant([0, 0, *counts], tf.int64), OPTIONS, TrainerOptions(num_negatives=4)
    )
    model.query_tower(tf.constant([[FIRST_ITEM]]))
    return model


@pytest.mark.parametrize("size", SIZES)
def test_the_models_own_metrics(size: int) -> None:
    """Every third item has no training event, so it is not recommended and its steps are misses."""
    counts = [0 if item % 3 == 2 else size - item for item in range(size)]
    model = _model(counts)
    context = np.arange(size)[:, None] + FIRST_ITEM
    target = context[::-1]

    found = model.test_step((tf.constant(context), tf.constant(target)))

    vectors = model.candidate_tower.catalogue().numpy()
    queries = model.query_tower(tf.constant(context)).numpy()[:, 0]
    withdrawn = [item for item, count in enumerate(counts) if not count]
    steps = [
        Step(listed(row, item, withdrawn), item, True)
        for row, item in zip(
            (queries @ vectors.T).tolist(), (target[:, 0] - FIRST_ITEM).tolist(), strict=True
        )
    ]
    values = reference([[step] for step in steps])
    assert float(found[RECALL]) == pytest.approx(values["honest/all/recall@20"])
    assert float(found[MRR]) == pytest.approx(values["honest/all/mrr@20"])


def _example(session: Sequence[str]) -> bytes:
    return ExampleEncoder().encode(b"", 0, [item.encode() for item in session], [])


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Runs the signatures' functions without tracing them, which takes most of the time."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 99])
@pytest.mark.parametrize("withdrawn", [False, True])
def test_the_exported_model_ranks_what_it_recommends(
    size: int, withdrawn: bool, tmp_path: Path, eagerly: None
) -> None:
    """Three items are known and cut from the catalogue, two are unknown, the first may be gone."""
    names = [f"i{number}" for number in range(size + 3)]
    vocabulary = Vocabulary(
        np.array([name.encode() for name in names], object), np.arange(size + 3, 0, -1), size
    )
    model = _model(vocabulary.counts[:size].tolist())
    recommender = serving.Recommender(model, vocabulary, 3, str(tmp_path / "ids"))
    if withdrawn:
        _withdraw_first(recommender, size)
    sessions = [
        *_random_sessions(3, [*names, "new 1", "new 2"], 8),
        ["new 1", "new 2", "new 1", "new 1"],
        ["new 2", "i0", "new 1", "i0", "new 2", "new 1"],
        ["new 1", names[-1], "new 1"],
        ["i0", names[-1]],
        ["new 1", "i0"],
        ["i0", "i0"],
    ]
    prefixes = [session[:end] for session in sessions for end in range(1, len(session))]
    answers = iter(_answers(recommender, prefixes))
    without = ([item for item in prefix if item in names] for prefix in prefixes)
    known_answers = iter(_answers(recommender, list(without)))
    expected = [
        [
            Step(
                next(answers),
                target,
                target in names and bool({*session[:end]} & {*names}),
                next(known_answers),
            )
            for end, target in enumerate(session[1:], start=1)
        ]
        for session in sessions
    ]

    evaluated = recommender.evaluate(tf.constant([_example(session) for session in sessions]))

    names_of_ranks = ("rank", "known", "known_rank")
    found = metrics.metrics_from_ranks(*(evaluated[name].numpy() for name in names_of_ranks))
    assert found == _close(reference(expected))
    own = {item for step in itertools.chain(*expected) for item in step.recommended} - {*names}
    assert own == (set() if withdrawn else {"new 1", "new 2"})
    if withdrawn:
        assert evaluated["rank"].numpy()[-2:, 0].tolist() == [UNRANKED] * 2


def _answers(recommender: serving.Recommender, sessions: list[list[str]]) -> list[list[str]]:
    batch = tf.ragged.constant(sessions, tf.string, ragged_rank=1).to_tensor("")
    rows = recommender.recommend(batch)["item_ids"].numpy().tolist()
    return [[item.decode() for item in row if item] for row in rows]


def _withdraw_first(recommender: serving.Recommender, size: int) -> None:
    """Takes the most popular item off, as renewing an index does."""
    offered = np.arange(size) > 0
    (index,) = (module for module in recommender.submodules if isinstance(module, ExactIndex))
    columns = index._columns
    columns.assign(with_recommendable(columns.numpy(), offered))
    (popular,) = (each for each in recommender.variables if each.dtype == tf.int32)
    places = np.flatnonzero(offered)
    popular.assign(np.pad(places, (0, popular.shape[0] - len(places)), constant_values=-1))
    (own_items,) = (each for each in recommender.variables if each.dtype == tf.bool)
    own_items.assign(False)
