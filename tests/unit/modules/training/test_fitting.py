"""The evaluation of epochs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from modules.config.options.features import FeatureOptions
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.item_indices import FIRST_ITEM
from modules.evaluation.prediction_steps import ScoredSteps
from modules.training.fitting import TrainingData, epoch_eval_fn
from modules.training.training_run import TrainingRun


class Model:
    """Scores the current item, 0, highest, and the answer, item 1, next."""

    def scored_steps(self, batches: tf.data.Dataset) -> Iterator[ScoredSteps]:
        for context, target in batches:
            scores = np.zeros([len(context), 30], np.float32)
            scores[:, :2] = 1.0, 0.5
            places = context.numpy() - FIRST_ITEM, target.numpy()[:, 0] - FIRST_ITEM
            yield ScoredSteps(scores, *places, np.zeros(30))


@pytest.mark.parametrize(("penalty", "mrr"), [(None, 1.0), (0.0, 0.5)])
def test_an_epoch_is_evaluated_as_it_would_be_served(penalty: float | None, mrr: float) -> None:
    """The current item is demoted, unless the options say otherwise."""
    windows = tf.data.Dataset.from_tensors(tf.constant([[2, 3]]))
    options = TrainerOptions(current_item_penalty=penalty)
    run = TrainingRun(FeatureOptions(), ModelOptions(), options, "", "", "")
    evaluate = epoch_eval_fn(run, TrainingData(windows, tf.ones([32], tf.int64), windows))

    assert evaluate(Model()) == (1.0, mrr)
