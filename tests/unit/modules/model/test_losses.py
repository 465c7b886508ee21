"""Losses against hand-computed softmaxes over four items, and against TFRS."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from modules.config.fields import declared
from modules.config.options.trainer import TrainerOptions
from modules.model.losses import RetrievalLoss

# Items 2..5 with 8, 4, 2, 1 events; vectors are the unit vectors of their positions.
COUNTS = np.array([0, 0, 8, 4, 2, 1], np.int64)
QUERIES = tf.constant([[1.0, 0.5, 0.0, -1.0], [0.0, 2.0, 1.0, 0.0]])
TARGET = tf.constant([2, 4])


TABLE = tf.pad(tf.eye(4), [[2, 0], [0, 0]])


def _loss_of(
    counts: np.ndarray,
    options: TrainerOptions,
    queries: tf.Tensor,
    target: tf.Tensor,
    table: tf.Tensor | tf.Variable = TABLE,
) -> tf.Tensor:
    """The loss of a model with one member."""
    loss = RetrievalLoss(counts, options)
    return loss([queries], [target], [lambda index: tf.gather(table, index)])


def _loss(queries: tf.Tensor = QUERIES, target: tf.Tensor = TARGET, **options: object) -> float:
    return float(_loss_of(COUNTS, TrainerOptions(**options), queries, target))


def _softmax_loss(logits: np.ndarray, own: list[int]) -> float:
    rows = np.arange(len(own))
    return float(np.mean(np.log(np.exp(logits).sum(1)) - logits[rows, own]))


class TestFull:
    """Softmax over the whole catalogue."""

    def test_by_hand(self) -> None:
        """Scores 1, .5, 0, -1 with item 2, and 0, 2, 1, 0 with item 4 as target."""
        e = math.exp
        first = math.log(e(1) + e(0.5) + 1 + e(-1)) - 1
        second = math.log(1 + e(2) + e(1) + 1) - 1
        assert _loss(loss="full") == pytest.approx((first + second) / 2, abs=1e-6)
        assert _loss(loss="full") == pytest.approx(1.12019, abs=1e-5)

    def test_items_without_events_take_no_part(self) -> None:
        """Of items 2, 4 and 5; the places of the targets among them are not their indices."""
        counts = np.array([0, 0, 8, 0, 2, 1], np.int64)
        found = _loss_of(counts, TrainerOptions(loss="full"), QUERIES, TARGET)
        expected = _softmax_loss(QUERIES.numpy()[:, [0, 2, 3]], [0, 1])
        assert float(found) == pytest.approx(expected, abs=1e-6)


class TestInBatch:
    """Softmax over the targets of the batch."""

    def test_by_hand(self) -> None:
        logits = QUERIES.numpy()[:, [0, 2]]
        found = _loss(loss="in_batch", logq_correction=False)
        assert found == pytest.approx(_softmax_loss(logits, [0, 1]), abs=1e-6)

    def test_log_q_is_by_popularity_to_the_power_of_one(self) -> None:
        logits = QUERIES.numpy()[:, [0, 2]] - np.log([8 / 8, 2 / 8])
        found = _loss(loss="in_batch", negatives_power=0.5)
        assert found == pytest.approx(_softmax_loss(logits, [0, 1]), abs=1e-6)

    def test_an_equal_target_of_another_row_is_not_a_negative(self) -> None:
        # The notebook trained another session's equal item as a negative.
        target = tf.constant([2, 2])
        options = {"loss": "in_batch", "logq_correction": False}
        assert _loss(target=target, **options) == pytest.approx(0.0, abs=1e-6)
        # Without the removal, it is: each row sees the same logit twice.
        with_hits = _loss(target=target, remove_accidental_hits=False, **options)
        assert with_hits == pytest.approx(math.log(2), abs=1e-6)


class TestSampled:
    """Softmax over the target and negatives that the batch shares."""

    def _draws(self, number: int, power: float) -> np.ndarray:
        """What RetrievalLoss draws after the same seed was set."""
        weights = COUNTS[2:] ** power
        uniform = tf.random.uniform([number], dtype=tf.float64).numpy()
        return 2 + np.searchsorted(np.cumsum(weights) / weights.sum(), uniform, side="right")

    def _seed_of_a_permutation(self) -> int:
        """A seed with which four uniform draws are the four items, each once."""
        for seed in range(1000):
            tf.random.set_seed(seed)
            if len(set(self._draws(4, 0.0))) == 4:
                return seed
        raise AssertionError("no such seed")

    @pytest.mark.parametrize("logq", [True, False])
    def test_equals_full_softmax_when_the_sample_is_the_catalogue(self, logq: bool) -> None:
        tf.random.set_seed(self._seed_of_a_permutation())
        found = _loss(num_negatives=4, negatives_power=0.0, logq_correction=logq)
        assert found == pytest.approx(_loss(loss="full"), abs=1e-6)

    def test_by_hand(self) -> None:
        """Three draws of known items, for one query: golden values with and without log q."""
        seed = 3
        tf.random.set_seed(seed)
        drawn = self._draws(3, 1.0)
        assert len(set(drawn)) > 1 and 3 not in drawn  # of other items than the target
        scores, share = QUERIES.numpy()[0], COUNTS[2:] / 15

        def expected(logq: bool) -> float:
            own = math.exp(scores[1]) / (share[1] if logq else 1)
            others = [math.exp(scores[i - 2]) / (share[i - 2] if logq else 1) for i in drawn]
            return math.log((own + sum(others)) / own)

        for logq in (True, False):
            tf.random.set_seed(seed)
            found = _loss(
                QUERIES[:1],
                tf.constant([3]),
                num_negatives=3,
                negatives_power=1.0,
                logq_correction=logq,
            )
            assert found == pytest.approx(expected(logq), abs=1e-6)

    def test_a_negative_that_is_the_target_does_not_count(self) -> None:
        """All draws of a catalogue of one item are hits: nothing is left to be told apart from."""
        counts = np.array([0, 0, 8], np.int64)

        def loss(remove: bool) -> float:
            options = TrainerOptions(num_negatives=5, remove_accidental_hits=remove)
            return float(_loss_of(counts, options, QUERIES, tf.constant([2, 2]), tf.ones([3, 4])))

        assert loss(True) == pytest.approx(0.0, abs=1e-6)
        assert loss(False) == pytest.approx(math.log(6), abs=1e-6)

    @pytest.mark.parametrize("logq", [True, False])
    @pytest.mark.parametrize("remove", [True, False])
    @pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
    def test_equals_tfrs_with_the_same_negatives(
        self, logq: bool, remove: bool, power: float
    ) -> None:
        options = {
            "num_negatives": 7,
            "negatives_power": power,
            "logq_correction": logq,
            "remove_accidental_hits": remove,
        }
        tf.random.set_seed(5)
        ours = _loss(**options)

        tf.random.set_seed(5)
        negatives = self._draws(7, power)
        item_index = tf.constant([*TARGET.numpy(), *negatives])
        probability = (COUNTS / 8.0).astype(np.float32)[item_index.numpy()] ** power
        own_only = np.concatenate([np.eye(2, dtype=bool), np.ones([2, 7], bool)], axis=1)
        task = tfrs.tasks.Retrieval(
            loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True),
            remove_accidental_hits=remove,
        )
        theirs = task(
            QUERIES,
            tf.gather(TABLE, item_index),
            candidate_ids=item_index,
            candidate_sampling_probability=tf.constant(probability) if logq else None,
            score_mask=tf.constant(own_only),
        )
        assert ours == pytest.approx(float(theirs), abs=1e-5)
        assert set(negatives) & set(TARGET.numpy())  # there were hits to remove

    @pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
    def test_draws_follow_popularity_to_the_power(self, power: float) -> None:
        """Gradients of equal scores, without log q, are proportional to how often an item came."""
        gradient = _pull(power, logq=False, num_negatives=40_000)
        weights = COUNTS[2:5] ** power
        np.testing.assert_allclose(gradient / gradient.sum(), weights / weights.sum(), atol=0.02)

    def test_an_items_share_is_never_drawn_past_the_last_item(self) -> None:
        """Sums in another order end an ulp below 1, and a draw above that would be no item."""
        counts = np.concatenate([[0, 0], np.arange(1, 5001)])
        loss = RetrievalLoss(counts, TrainerOptions(negatives_power=0.3))
        assert loss._cumulative[-1].numpy() == 1.0


def _pull(power: float, logq: bool, num_negatives: int) -> np.ndarray:
    """How strongly one target (item 5) pushes items 2, 3, 4 away when all scores are equal."""
    table = tf.Variable(tf.zeros([6, 4]))
    options = TrainerOptions(
        num_negatives=num_negatives, negatives_power=power, logq_correction=logq
    )
    tf.random.set_seed(1)
    with tf.GradientTape() as tape:
        value = _loss_of(COUNTS, options, tf.ones([1, 4]), tf.constant([5]), table)
    return tf.convert_to_tensor(tape.gradient(value, table)).numpy()[2:5, 0]


@pytest.mark.parametrize(("power", "factor"), [(1.0, 4.0), (0.5, 2.0)])
def test_log_q_takes_weight_from_popular_negatives(power: float, factor: float) -> None:
    """The sign of the correction: with it, item 2 is pushed no harder than item 4."""
    uncorrected, corrected = (_pull(power, logq, num_negatives=20_000) for logq in (False, True))
    assert uncorrected[0] / uncorrected[2] == pytest.approx(factor, rel=0.1)
    assert corrected[0] / corrected[2] == pytest.approx(1.0, rel=0.1)


def test_log_q_takes_weight_from_popular_items_of_the_batch() -> None:
    def pull(logq: bool) -> np.ndarray:
        """Items 2 and 4 as two rows' targets; the third row's target is item 5."""
        table = tf.Variable(tf.zeros([6, 4]))
        options = TrainerOptions(loss="in_batch", logq_correction=logq)
        with tf.GradientTape() as tape:
            queries = tf.constant([[0.0] * 4, [0.0] * 4, [1.0] * 4])
            value = _loss_of(COUNTS, options, queries, tf.constant([2, 4, 5]), table)
        return tf.convert_to_tensor(tape.gradient(value, table)).numpy()[[2, 4], 0]

    assert pull(False)[0] == pytest.approx(pull(False)[1], rel=1e-5)
    assert pull(True)[0] * 4 == pytest.approx(pull(True)[1], rel=1e-5)


@pytest.mark.parametrize("loss", declared(TrainerOptions, "loss").choices)
def test_sum_is_the_mean_times_the_targets(loss: str) -> None:
    values = []
    for reduction in ("sum", "mean"):
        tf.random.set_seed(2)
        values.append(_loss(loss=loss, reduction=reduction, num_negatives=8))
    assert values[0] == pytest.approx(2 * values[1], rel=1e-6)


@pytest.mark.parametrize("loss", declared(TrainerOptions, "loss").choices)
def test_the_mean_is_over_all_members_targets_and_members_do_not_mix(loss: str) -> None:
    """Of two members with three and two targets, each with vectors of its own."""
    options = TrainerOptions(loss=loss, num_negatives=4, negatives_power=0.0)
    queries = [tf.concat([QUERIES, QUERIES[:1] * 3], axis=0), -2.0 * QUERIES]
    targets = [tf.constant([2, 4, 5]), tf.constant([3, 2])]
    tables = [TABLE, tf.reverse(TABLE, [1])]

    def value_and_gradients(members: list[int]) -> tuple[float, list[tf.Tensor]]:
        own = [queries[member] for member in members]
        with tf.GradientTape() as tape:
            tape.watch(own)
            value = RetrievalLoss(COUNTS, options)(
                own,
                [targets[member] for member in members],
                [functools.partial(tf.gather, tables[member]) for member in members],
            )
        return float(value), tape.gradient(value, own)

    draws = tf.random.uniform([4], dtype=tf.float64)  # the same ones for whoever draws
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tf.random, "uniform", lambda *_, **__: draws)
        both, of_both = value_and_gradients([0, 1])
        (first, of_first), (second, of_second) = (value_and_gradients([m]) for m in (0, 1))

    assert both == pytest.approx((3 * first + 2 * second) / 5, rel=1e-6)
    np.testing.assert_allclose(of_both[0], of_first[0] * 3 / 5, atol=1e-6)
    np.testing.assert_allclose(of_both[1], of_second[0] * 2 / 5, atol=1e-6)


@pytest.mark.parametrize("remove", [True, False])
def test_the_gradient_of_the_sampled_loss_is_that_of_keras(remove: bool) -> None:
    """The written-out one beside that of Keras's loss, to all of queries and vectors."""
    options = TrainerOptions(num_negatives=9, remove_accidental_hits=remove)
    table = tf.Variable(tf.random.stateless_normal([6, 4], [1, 2]))
    queries = tf.Variable(QUERIES)
    with tf.GradientTape() as tape:
        tf.random.set_seed(5)
        ours = _loss_of(COUNTS, options, queries, TARGET, table)
    found = [tf.convert_to_tensor(part) for part in tape.gradient(ours, [queries, table])]

    tf.random.set_seed(5)
    uniform = tf.random.uniform([9], dtype=tf.float64).numpy()
    share = np.cumsum(COUNTS[2:] ** 0.5) / (COUNTS[2:] ** 0.5).sum()
    negatives = 2 + np.searchsorted(share, uniform, side="right")
    with tf.GradientTape() as tape:
        candidates = tf.gather(table, [*TARGET.numpy(), *negatives])
        scores = tf.matmul(queries, candidates, transpose_b=True)
        log_q = np.log(COUNTS[[*TARGET.numpy(), *negatives]] ** 0.5)
        counts = np.concatenate([np.eye(2), np.ones([2, 9])], axis=1) > 0
        if remove:
            counts[:, 2:] &= TARGET.numpy()[:, None] != negatives
        scores = tf.where(counts, scores - log_q.astype(np.float32), -np.inf)
        theirs = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)([0, 1], scores)
    expected = [tf.convert_to_tensor(part) for part in tape.gradient(theirs, [queries, table])]

    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
    assert set(negatives) & set(TARGET.numpy())
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("loss", declared(TrainerOptions, "loss").choices)
def test_loss_and_gradients_are_finite_in_extreme_cases(loss: str) -> None:
    """Scores of +-1e6, every row with the same target, an item a billion times as frequent."""
    counts = np.array([0, 0, 10**9, 4, 2, 1], np.int64)
    for scale, target in ((1e6, [2, 4]), (1e6, [5, 5]), (1e-30, [2, 2])):
        queries = tf.Variable(QUERIES * scale)
        options = TrainerOptions(loss=loss, num_negatives=16, negatives_power=1.0)
        with tf.GradientTape() as tape:
            value = _loss_of(counts, options, queries, tf.constant(target))
        assert math.isfinite(float(value))
        assert np.isfinite(tape.gradient(value, queries).numpy()).all()


@pytest.mark.parametrize("loss", ["sampled", "full"])
def test_no_target_gives_no_loss(loss: str) -> None:
    assert _loss(QUERIES[:0], TARGET[:0], loss=loss) == 0.0


@pytest.mark.parametrize("loss", declared(TrainerOptions, "loss").choices)
@pytest.mark.parametrize(
    ("queries", "target"),
    [(QUERIES, TARGET[:, None]), (QUERIES[:, None], TARGET), (QUERIES, TARGET[:1])],
)
def test_shapes_that_do_not_belong_together_are_refused(
    loss: str, queries: tf.Tensor, target: tf.Tensor
) -> None:
    # With [batch, 1] labels the notebook trained on a transposed softmax for 100 epochs.
    with pytest.raises(ValueError, match=r"rank|dimension"):
        _loss(queries, target, loss=loss)


def test_training_without_items_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        RetrievalLoss(np.zeros(4, np.int64), TrainerOptions())


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("loss", declared(TrainerOptions, "loss").choices)
def test_weights_weigh_the_losses_of_targets(loss: str, reduction: str) -> None:
    """In the mean their sum divides; in the sum they have the mean 1."""
    task = RetrievalLoss(COUNTS, TrainerOptions(loss=loss, reduction=reduction, num_negatives=8))
    table = functools.partial(tf.gather, TABLE)

    def value(*weights: float) -> float:
        tf.random.set_seed(2)
        given = [tf.constant(weights)] if weights else None
        return float(task([QUERIES], [TARGET], [table], given))

    first, second = value(1.0, 0.0), value(0.0, 1.0)
    assert value(1.0, 3.0) == pytest.approx((first + 3 * second) / 4, rel=1e-6)
    assert value(2.0, 6.0) == pytest.approx(value(1.0, 3.0), rel=1e-6)
    assert value(5.0, 5.0) == pytest.approx(value(), rel=1e-6)
    assert first != pytest.approx(second)
    if loss != "in_batch":
        empty = task([QUERIES[:0]], [TARGET[:0]], [table], [tf.zeros([0])])
        assert float(empty) == 0.0
