from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from modules.configuration import TrainerOptions
from modules.losses import RetrievalLoss

# Items 2..5 with 8, 4, 2, 1 events; vectors are the unit vectors of their positions.
COUNTS = np.array([0, 0, 8, 4, 2, 1], np.int64)
QUERIES = tf.constant([[1.0, 0.5, 0.0, -1.0], [0.0, 2.0, 1.0, 0.0]])
TARGET = tf.constant([2, 4])


def _vectors(item_index: tf.Tensor) -> tf.Tensor:
    return tf.gather(tf.pad(tf.eye(4), [[2, 0], [0, 0]]), item_index)


def _loss(**options: object) -> float:
    return float(RetrievalLoss(COUNTS, TrainerOptions(**options))(QUERIES, TARGET, _vectors))


def _softmax_loss(logits: np.ndarray, own: list[int]) -> float:
    rows = np.arange(len(own))
    return float(np.mean(np.log(np.exp(logits).sum(1)) - logits[rows, own]))


def test_full_softmax_by_hand() -> None:
    assert _loss(loss="full") == pytest.approx(_softmax_loss(QUERIES.numpy(), [0, 2]), abs=1e-6)


def test_sum_is_the_mean_times_the_targets() -> None:
    assert _loss(loss="full", reduction="sum") == pytest.approx(2 * _loss(loss="full"), abs=1e-6)


def test_in_batch_softmax_runs_over_the_batchs_targets_with_log_q() -> None:
    logits = QUERIES.numpy()[:, [0, 2]] - np.log([8 / 8, 2 / 8])
    assert _loss(loss="in_batch") == pytest.approx(_softmax_loss(logits, [0, 1]), abs=1e-6)


def test_another_rows_equal_target_is_no_negative() -> None:
    # The notebook trained another session's equal item as a negative.
    loss = RetrievalLoss(COUNTS, TrainerOptions(loss="in_batch", logq_correction=False))
    assert float(loss(QUERIES, tf.constant([2, 2]), _vectors)) == pytest.approx(0.0, abs=1e-6)


def test_labels_with_an_axis_too_many_are_refused() -> None:
    # With [batch, 1] labels the notebook trained on a transposed softmax for 100 epochs.
    loss = RetrievalLoss(COUNTS, TrainerOptions())
    with pytest.raises(ValueError, match="rank"):
        loss(QUERIES, TARGET[:, None], _vectors)


@pytest.mark.parametrize("logq", [True, False])
def test_sampled_softmax_equals_tfrs_with_the_same_negatives(logq: bool) -> None:
    options = TrainerOptions(negatives=7, logq_correction=logq)
    tf.random.set_seed(5)
    ours = RetrievalLoss(COUNTS, options)(QUERIES, TARGET, _vectors)

    tf.random.set_seed(5)
    weights = COUNTS[2:] ** 0.5
    uniform = tf.random.uniform([7], dtype=tf.float64).numpy()
    negatives = 2 + np.searchsorted(np.cumsum(weights) / weights.sum(), uniform, side="right")
    item_index = tf.constant([*TARGET.numpy(), *negatives])
    probability = (COUNTS / 8.0).astype(np.float32)[item_index.numpy()] ** 0.5
    own_only = np.concatenate([np.eye(2, dtype=bool), np.ones([2, 7], bool)], axis=1)
    task = tfrs.tasks.Retrieval(
        loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True),
        remove_accidental_hits=True,
    )
    theirs = task(
        QUERIES,
        _vectors(item_index),
        candidate_ids=item_index,
        candidate_sampling_probability=tf.constant(probability) if logq else None,
        score_mask=tf.constant(own_only),
    )
    assert float(ours) == pytest.approx(float(theirs), abs=1e-5)


def test_log_q_takes_weight_from_popular_negatives() -> None:
    def gradient(logq: bool) -> np.ndarray:
        table = tf.Variable(tf.zeros([6, 4]))
        loss = RetrievalLoss(COUNTS, TrainerOptions(negatives=4096, logq_correction=logq))
        tf.random.set_seed(1)
        with tf.GradientTape() as tape:
            value = loss(tf.ones([1, 4]), tf.constant([5]), lambda index: tf.gather(table, index))
        return tf.convert_to_tensor(tape.gradient(value, table)).numpy()[:, 0]

    popular, rare = 2, 4
    uncorrected, corrected = gradient(False), gradient(True)
    assert uncorrected[popular] / uncorrected[rare] == pytest.approx(2.0, rel=0.15)
    assert corrected[popular] / corrected[rare] == pytest.approx(1.0, rel=0.15)


def test_a_fit_without_items_says_so() -> None:
    with pytest.raises(ValueError, match="nothing to learn"):
        RetrievalLoss(np.zeros(4, np.int64), TrainerOptions())
