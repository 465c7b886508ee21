"""A model of nine items, with weights that differ enough to be told apart."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.model.two_tower import TwoTower

ITEMS = 9
COUNTS = tf.constant([0, 0, *range(ITEMS, 0, -1)], tf.int64)
OPTIONS = ModelOptions(
    ensemble_size=1,
    embedding_dim=6,
    gru_units=5,
    copy_lags=2,
    embedding_dropout=0.0,
    output_dropout=0.0,
)
TWO = dataclasses.replace(OPTIONS, ensemble_size=2)
NO_COPY = dataclasses.replace(OPTIONS, copy_lags=0)
CONTEXT = tf.constant([[2, 3, 4], [5, 6, 0], [7, 0, 0]])
TARGET = tf.constant([[3, 4, 8], [6, 9, 0], [10, 0, 0]])


def make_model(
    options: ModelOptions = OPTIONS, counts: tf.Tensor = COUNTS, **trainer: object
) -> TwoTower:
    """Returns an untrained model with random weights."""
    tf.keras.utils.set_random_seed(11)
    model = TwoTower(counts, options, TrainerOptions(num_negatives=8, **trainer))
    model.query_tower(tf.constant([[2]]))
    for weight in model.query_tower.trainable_weights:
        # Keras starts tables with values of at most 0.05, which normalisation would hide.
        weight.assign(tf.random.normal(weight.shape, stddev=0.7, seed=1))
    for member in model.query_tower.members:
        if options.normalize:
            member.log_temperature.assign(np.log(0.5))
    return model
