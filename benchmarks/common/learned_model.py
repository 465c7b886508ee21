"""Trains a model on a made-up shop of any size, for benchmarks that need learned embeddings.

Random vectors are all alike to an index: what it finds among them says nothing about the vectors
of a trained model. The shop has families and categories of items, a long tail, and shoppers who
come back to what they saw. Trained models are kept in a cache folder, by size.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from modules.array_types import IntArray
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data import batching
from modules.data.item_indices import FIRST_ITEM, PADDING
from modules.data.vocabulary import Vocabulary
from modules.model.lazy_adam import LazyAdam
from modules.model.tf_keras_compat import exempt_keras_from_autograph
from modules.model.two_tower import TwoTower
from modules.serving import recommender
from modules.serving.score_adjustments import SessionAdjustments

MAX_CONTEXT = 20
DEFAULT_SHAPE = ModelOptions()
SEEN = SessionAdjustments(current_item_penalty=2.0, earlier_item_boost=1.0)
POPULARITY_WEIGHT = 0.3
_FAMILY, _CATEGORY = 8, 128
_LONGEST = 21
_SESSIONS_PER_ITEM = 4
_LARGE = 200_000
_EPOCHS = {False: 2, True: 5}  # of a small and of a large catalogue


class LearnedModel(NamedTuple):
    """A trained model, as it was exported, and sessions as inputs.

    Attributes:
      folder: SavedModel.
      sessions: item ids as integers, int64 `[sessions, 21]`, right-padded with -1; not trained on.
    """

    folder: Path
    sessions: IntArray


def draw_sessions(items: int, sessions: int, seed: int) -> IntArray:
    """Draws sessions; every item starts one before any starts a second.

    Returns:
      items, int64 `[sessions, 21]`, right-padded with -1; 2 to 21 of them, 3.6 on average.
    """
    draw = np.random.default_rng(seed)
    found = np.full((sessions, _LONGEST), -1, np.int64)
    order = draw.permutation(items)
    found[:, 0] = order[np.arange(sessions) % items]
    lengths = 2 + np.minimum(draw.geometric(0.385, sessions) - 1, _LONGEST - 2)
    for step in range(1, _LONGEST):
        current = found[:, step - 1]
        kind = draw.random(sessions)
        # The first of a range is the most popular in it.
        skewed = draw.random(sessions) ** 3
        family = current - current % _FAMILY + (skewed * _FAMILY).astype(np.int64)
        category = current - current % _CATEGORY + (skewed * _CATEGORY).astype(np.int64)
        anywhere = (skewed * items).astype(np.int64)
        seen = found[np.arange(sessions), (draw.random(sessions) * step).astype(np.int64)]
        choices = [kind < 0.25, kind < 0.7, kind < 0.9]
        following = np.select(choices, [seen, family, category], anywhere)
        found[:, step] = np.minimum(following, items - 1)
    found[np.arange(_LONGEST) >= lengths[:, None]] = -1
    return found


def learned_model(items: int, cache: Path, shape: ModelOptions = DEFAULT_SHAPE) -> LearnedModel:
    """Exports a trained model with a catalogue of so many items.

    Args:
      items: size of the catalogue.
      cache: folder of trained weights and exported models.
      shape: of the towers.
    """
    drawn = draw_sessions(items, 5 * items, seed=0)
    counts, positions = _sorted_by_count(drawn, items)
    name = f"{items}x{shape.ensemble_size}x{shape.embedding_dim}"
    model = _trained(items, shape, cache / f"weights-{name}.npz", positions[drawn], counts)
    model.candidate_tower.popularity_weight.assign(POPULARITY_WEIGHT)
    vocabulary = Vocabulary(np.array([b"%d" % i for i in range(items)], object), counts, items)
    folder = cache / f"model-{name}"
    recommender.export(model, vocabulary, MAX_CONTEXT, f"{folder}.txt", str(folder), SEEN)
    return LearnedModel(folder, positions[draw_sessions(items, 2_000, seed=1)])


def _sorted_by_count(sessions: IntArray, items: int) -> tuple[IntArray, IntArray]:
    """Returns the counts in descending order, and the position of each item in that order.

    The last entry of the second array is -1, so that padding stays padding.
    """
    counts = np.bincount(sessions[sessions >= 0], minlength=items)
    order = np.argsort(-counts, kind="stable")
    positions = np.full(items + 1, -1, np.int64)
    positions[order] = np.arange(items)
    return counts[order], positions


def _trained(
    items: int, shape: ModelOptions, cache: Path, sessions: IntArray, counts: IntArray
) -> TwoTower:
    """Returns a trained model, with weights from the cache where they are there."""
    exempt_keras_from_autograph()
    tf.keras.utils.set_random_seed(1)
    is_large = items > _LARGE
    options = TrainerOptions()
    item_counts = tf.constant(np.concatenate([np.zeros(FIRST_ITEM, np.int64), counts]))
    model = TwoTower(item_counts, shape, options)
    model.query_tower(tf.constant([[FIRST_ITEM]]))
    variables = model.query_tower.variables
    if cache.is_file():
        with np.load(cache) as saved:
            for variable, values in zip(variables, saved.values(), strict=True):
                variable.assign(values)
        return model
    # With Adagrad a million vectors stayed where they began: only an item's closest were learned.
    model.compile(LazyAdam(0.004))
    rows = sessions[: items * _SESSIONS_PER_ITEM] + FIRST_ITEM
    rows = np.where(rows < FIRST_ITEM, 0, rows).astype(np.int32)
    batches = batching.training_batches(
        tf.data.Dataset.from_tensors(tf.RaggedTensor.from_tensor(rows, padding=PADDING)),
        options.batch_targets,
        targets="all",
        reversed_sessions=not is_large,
        seed=1,
    )
    model.fit(batches, epochs=_EPOCHS[is_large], verbose=2)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, *(variable.numpy() for variable in variables))
    return model
