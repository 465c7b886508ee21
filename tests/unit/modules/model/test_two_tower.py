"""The model: how members share a batch, what a training step does, and its evaluation."""

from __future__ import annotations

import functools
import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from modules.config.options.trainer import TrainerOptions
from modules.evaluation import metrics
from modules.evaluation.ranks import conservative_rank
from modules.evaluation.selection_metric import MRR, RECALL
from modules.model.cooccurrence_neighbors import ItemNeighbors
from modules.model.lazy_adam import LazyAdam
from modules.model.two_tower import TwoTower
from tests.small_model import CONTEXT, COUNTS, OPTIONS, TARGET, TWO, make_model


@pytest.fixture(scope="module")
def model() -> TwoTower:
    return make_model()


def test_a_batch_is_split_among_the_members() -> None:
    """Windows 0 and 2 train the first, window 1 the second: the mean over all their targets."""
    model = make_model(TWO, loss="full")

    def loss_of(member: int, *windows: int) -> float:
        context, target = (tf.gather(part, windows) for part in (CONTEXT, TARGET))
        steps = tf.where(target != 0)
        queries = tf.gather_nd(model.query_tower.of_member(context, member), steps)
        vectors = functools.partial(model.candidate_tower.of_member, member=member)
        return float(model.task([queries], [tf.gather_nd(target, steps)], [vectors]))

    loss = float(model.compute_loss((CONTEXT, TARGET)))

    assert loss == pytest.approx((4 * loss_of(0, 0, 2) + 2 * loss_of(1, 1)) / 6, rel=1e-5)
    assert float(model.targets.result()) == 6


def test_fewer_windows_than_members_train_every_member() -> None:
    model = make_model(TWO, loss="full")
    with tf.GradientTape() as tape:
        loss = model.compute_loss((CONTEXT[:1], TARGET[:1]))
    copies = [member.copy_weights for member in model.query_tower.members]

    assert min(np.abs(part).max() for part in tape.gradient(loss, copies)) > 0.0
    assert float(model.targets.result()) == 3


def test_the_loss_covers_every_step_that_has_a_target() -> None:
    model = make_model(loss="full")
    every = model.query_tower.of_member(CONTEXT, 0)
    queries = [every[0, 0], every[0, 1], every[0, 2], every[1, 0], every[1, 1], every[2, 0]]
    vectors = functools.partial(model.candidate_tower.of_member, member=0)

    expected = model.task([tf.stack(queries)], [tf.constant([3, 4, 8, 6, 9, 10])], [vectors])

    assert float(model.compute_loss((CONTEXT, TARGET))) == pytest.approx(float(expected), rel=1e-6)


def test_padding_of_a_batch_does_not_change_its_loss() -> None:
    model = make_model(loss="full")
    padded = [tf.pad(indices, [[0, 2], [0, 3]]) for indices in (CONTEXT, TARGET)]

    loss = float(model.compute_loss((CONTEXT, TARGET)))

    assert float(model.compute_loss(tuple(padded))) == pytest.approx(loss, abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "precision"),
    [
        ("sampled", "float32"),
        ("in_batch", "float32"),
        ("full", "float32"),
        ("sampled", "mixed_bfloat16"),
        ("in_batch", "mixed_bfloat16"),
        ("sampled", "mixed_float16"),
        ("full", "mixed_float16"),
    ],
)
def test_a_step_lowers_the_loss_in_every_precision(loss: str, precision: str) -> None:
    model = make_model(loss=loss, precision=precision)
    optimizer = tf.keras.optimizers.SGD(0.1)
    if precision == "mixed_float16":
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    model.compile(optimizer=optimizer)
    before = [weight.numpy() for weight in model.query_tower.trainable_weights]

    losses = []
    for _ in range(4):
        tf.random.set_seed(3)  # the same negatives in every step
        losses.append(float(model.train_step((CONTEXT, TARGET))["mean_loss"]))
        model.reset_metrics()

    assert np.isfinite(losses).all()
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]
    for old, weight in zip(before, model.query_tower.trainable_weights, strict=True):
        assert weight.dtype == tf.float32
        assert np.abs(weight - old).max() > 0, weight.name


def test_a_training_step_counts_targets_and_reports_no_metric_of_evaluate(
    model: TwoTower,
) -> None:
    model.compile(optimizer=tf.keras.optimizers.SGD(0.0))
    model.reset_metrics()

    reported = model.train_step((CONTEXT, TARGET))

    assert set(reported) == {"mean_loss", "targets"}
    assert float(reported["targets"]) == 6


def test_evaluation_equals_plain_numpy() -> None:
    """Item 4 has no training event: it is neither ranked nor in the way of others."""
    counts = tf.tensor_scatter_nd_update(COUNTS, [[4]], [tf.constant(0, tf.int64)])
    model = make_model(counts=counts)
    target = tf.where(TARGET == 4, 0, TARGET)

    reported = model.test_step((CONTEXT, target))

    queries = model.query_tower(CONTEXT).numpy()[target.numpy() > 0]
    taking_part = np.flatnonzero(counts.numpy())
    vectors = model.candidate_tower(tf.constant(taking_part)).numpy()
    position = np.searchsorted(taking_part, target.numpy()[target.numpy() > 0])
    rank = conservative_rank(queries @ vectors.T, position)
    assert set(reported) == {RECALL, MRR}
    assert float(reported[RECALL]) == pytest.approx(metrics.recall_at_k(rank, 20).mean())
    assert float(reported[MRR]) == pytest.approx(
        metrics.reciprocal_rank_at_k(rank, 20).mean(), abs=1e-6
    )


def test_the_model_is_scored_as_it_is_now_by_a_tower_that_was_traced_before() -> None:
    """Weights that training changed count, and neighbors that serving's tables hold only once."""
    rows = np.array([[0, 0], [0, 0], *[[3, 4]] * 9], np.int32)
    neighbors = ItemNeighbors(rows, np.full(rows.shape, 0.5, np.float32))
    model = TwoTower(COUNTS, OPTIONS, TrainerOptions(num_negatives=8), neighbors)

    def scores() -> np.ndarray:
        return np.concatenate([block.scores for block in model.scored_steps([(CONTEXT, TARGET)])])

    first = scores()
    traced = model._traced_queries_and_targets.experimental_get_tracing_count()
    draw = tf.random.Generator.from_seed(3)
    for weight in model.trainable_weights:
        weight.assign_add(draw.normal(weight.shape))
    trained = scores()
    queries, _ = model._queries_and_targets((CONTEXT, TARGET))
    expected = queries.numpy() @ model.candidate_tower.catalogue().numpy().T
    np.testing.assert_allclose(trained, expected, atol=1e-4)
    assert np.abs(trained - first).max() > 0.1
    assert model._traced_queries_and_targets.experimental_get_tracing_count() == traced
    assert model.for_serving() is model
    np.testing.assert_allclose(scores(), trained, atol=1e-4)


def _variables_in_memory() -> int:
    """Counts handles of variables; a graph that uses a variable has one, too."""
    gc.collect()
    return sum(isinstance(x, tf.Tensor) and x.dtype == tf.resource for x in gc.get_objects())


def test_serving_frees_the_state_of_the_optimizer() -> None:
    model = make_model()
    model.query_tower(CONTEXT)
    before = _variables_in_memory()
    model.compile(optimizer=LazyAdam(0.01, use_ema=True))
    model.fit(tf.data.Dataset.from_tensors((CONTEXT, TARGET)).repeat(2), verbose=0)
    state = [weakref.ref(variable) for variable in model.optimizer.variables]
    assert len(state) > 3 * len(model.trainable_variables)

    model.for_serving()

    assert not any(variable() for variable in state)
    assert _variables_in_memory() - before < len(model.trainable_variables)


@pytest.mark.parametrize("loss", ["sampled", "full", "in_batch"])
def test_a_trained_model_leaves_memory(loss: str) -> None:
    """Of `tf.custom_gradient` TensorFlow keeps the graph of a step, and so its variables."""
    before = _variables_in_memory()
    model = make_model(loss=loss)
    model.compile(optimizer=LazyAdam(0.01))
    model.fit(tf.data.Dataset.from_tensors((CONTEXT, TARGET)), verbose=0)
    assert _variables_in_memory() > before

    del model

    assert _variables_in_memory() <= before


@pytest.mark.parametrize("shape", [(3, 1), (3, 4), (3, 3, 1)])
def test_targets_of_another_shape_than_the_context_are_an_error(
    model: TwoTower, shape: tuple[int, ...]
) -> None:
    """A wrong axis trained the reference notebook on a transposed softmax without an error."""
    with pytest.raises(ValueError, match="target must have context's shape"):
        model.compute_loss((CONTEXT, tf.fill(shape, 3)))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", ["full", "sampled"])
def test_a_weight_is_worth_as_many_repetitions_of_the_event(loss: str, reduction: str) -> None:
    """Of two members, each with its own windows; rows without a target keep them apart."""
    model = make_model(TWO, loss=loss, reduction=reduction)
    target = tf.constant([[0, 0, 8], [0, 9, 0], [10, 0, 0]])
    weights = [3.0, 1.0, 2.0]
    rows, none = [0, 1, 0, 3, 0, 3, 2, 3, 2, 3], [[0, 0, 0]]
    repeated = [tf.gather(tf.concat([part, none], 0), rows) for part in (CONTEXT, target)]

    def loss_and_gradients(*inputs: tf.Tensor) -> tuple[float, list[np.ndarray]]:
        tf.random.set_seed(5)  # the same negatives
        with tf.GradientTape() as tape:
            value = model.compute_loss(inputs)
        found = tape.gradient(value, model.trainable_variables)
        return float(value), [tf.convert_to_tensor(each).numpy() for each in found]

    weight = tf.constant(weights)[:, None] * tf.ones([3, 3])
    weighted, of_weighted = loss_and_gradients(CONTEXT, target, weight)
    plain, of_plain = loss_and_gradients(CONTEXT, target)
    expected, of_repeated = loss_and_gradients(*repeated)

    # A sum has the scale of the batch's own targets: three instead of six.
    scale = 1.0 if reduction == "mean" else 3 / 6
    assert weighted == pytest.approx(scale * expected, rel=1e-5)
    for found, wanted in zip(of_weighted, of_repeated, strict=True):
        np.testing.assert_allclose(found, scale * wanted, rtol=1e-4, atol=1e-6)
    assert weighted != pytest.approx(plain, rel=1e-3)
    assert max(np.abs(a - b).max() for a, b in zip(of_weighted, of_plain, strict=True)) > 0.01


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("loss", ["sampled", "in_batch", "full"])
def test_a_step_with_the_largest_weights_is_finite(loss: str, precision: str) -> None:
    model = make_model(loss=loss, precision=precision)
    optimizer = tf.keras.optimizers.SGD(0.1)
    if precision == "mixed_float16":
        optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
    model.compile(optimizer=optimizer)
    weight = tf.constant([[1e-3, 1e3, 1e3]] * 3)
    reported = [float(model.train_step((CONTEXT, TARGET, weight))["mean_loss"]) for _ in range(3)]
    assert np.isfinite(reported).all()
    assert all(np.isfinite(each.numpy()).all() for each in model.trainable_variables)


@pytest.mark.parametrize("loss", ["in_batch", "full"])
def test_compiled_steps_give_the_loss_of_eager_ones(loss: str) -> None:
    """Only compiled steps run without AutoGraph, which TFRS's own layers need."""
    model = make_model(loss=loss)
    model.compile(optimizer=tf.keras.optimizers.SGD(0.0))

    eager = float(model.train_step((CONTEXT, TARGET))["mean_loss"])
    model.reset_metrics()
    compiled = float(tf.function(model.train_step)((CONTEXT, TARGET))["mean_loss"])

    assert compiled == pytest.approx(eager, rel=1e-5)
