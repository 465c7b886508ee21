"""The exported model: raw item ids in, ranked item ids out, and its own judge's signature.

Everything a session goes through here is shared by all signatures, so that `evaluate` judges what
`recommend` answers.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from modules.features import latest_right_padded
from modules.model import TwoTower
from modules.ranking import conservative_rank
from modules.seen_items import NO_CHANGE, SeenItemScores, adjust_scores
from modules.vocabulary import FIRST_ITEM, PADDING, Vocabulary

SESSION_FEATURE = "item_ids"
TOP_K = 100
SESSION_LENGTH_BOUNDS = (2, 3, 5, 10)


class Recommender(tf.Module):
    """Answers sessions with the exact top items of the catalogue, without any custom op.

    Items that the training data did not hold, or too seldom, are ignored in a session. A session
    with no item left is answered with the most popular items, scored by minus their position.
    """

    def __init__(
        self,
        model: TwoTower,
        vocabulary: Vocabulary,
        max_context: int,
        vocabulary_file: str,
        seen: SeenItemScores = NO_CHANGE,
    ) -> None:
        """Freezes the candidate vectors of a trained model.

        Args:
          model: its query tower is exported with it.
          vocabulary: all known items; the first `catalogue_size` can be recommended.
          max_context: items of a session that the query tower sees, the latest ones.
          vocabulary_file: where to write the item ids, one a line; becomes an asset.
          seen: what is added to the scores of items that the query tower sees.
        """
        super().__init__(name="recommender")
        self._max_context = max_context
        self._seen = seen
        self._catalogue_size = vocabulary.catalogue_size
        self._query_tower = model.query_tower
        self._candidates = tf.Variable(model.candidate_tower.catalogue(), trainable=False)
        catalogue = vocabulary.item_ids[: vocabulary.catalogue_size]
        self._catalogue_ids = tf.Variable(catalogue, trainable=False, dtype=tf.string)
        self._counts = tf.Variable(vocabulary.counts, trainable=False)
        with tf.io.gfile.GFile(vocabulary_file, "wb") as file:
            file.write(b"\n".join(vocabulary.item_ids) + b"\n")
        self._vocabulary_file = tf.saved_model.Asset(vocabulary_file)
        initializer = tf.lookup.TextFileInitializer(
            self._vocabulary_file,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        # Position of a known item, the most frequent first; -1 for an unknown one.
        self._positions = tf.lookup.StaticHashTable(initializer, default_value=-1)

    def signatures(self) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
        """Returns the functions to export, by signature name."""
        serialized = tf.TensorSpec([None], tf.string, "examples")
        sessions = tf.TensorSpec([None, None], tf.string, "item_ids")
        return {
            "serving_default": self.recommend_examples.get_concrete_function(serialized),
            "recommend": self.recommend.get_concrete_function(sessions),
            "evaluate": self.evaluate.get_concrete_function(serialized),
            "eval_features": self.eval_features.get_concrete_function(serialized),
        }

    @tf.function
    def recommend(self, item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Recommends items for sessions of raw ids.

        Args:
          item_ids: string `[batch, length]` in time order, '' is padding.

        Returns:
          `item_ids`, string `[batch, k]`, and `scores`, float32 `[batch, k]`, best first; k is
          100, or the catalogue's size if that is less. Equal scores are ordered by popularity.
        """
        return self._top_items(tf.RaggedTensor.from_tensor(item_ids))

    @tf.function
    def recommend_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Recommends items for serialized tf.Examples, string `[batch]`; see `recommend`."""
        return self._top_items(_parse_sessions(examples))

    @tf.function
    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Judges every step of a session as `recommend` answers that prefix.

        Args:
          examples: serialized tf.Examples, string `[batch]`.

        Returns:
          int64 `[batch, steps]` each; step j has the items 0..j as prefix and item j + 1 as target:
          `rank`, conservative, catalogue + 1 for a target that is not in the catalogue, 0 where
          there is no such step; `known`, 1 where target and an item before it are known;
          `context_length`, known items in the prefix; `target_count`, training events of the
          target.
        """
        positions = self._positions.lookup(_parse_sessions(examples))
        target = positions[:, 1:]
        rank = self._step_ranks(positions)
        known_before = _running_count(positions >= 0)[:, :-1]
        is_known = (target.flat_values >= 0) & (known_before.flat_values > 0)
        counts = tf.where(
            target.flat_values >= 0,
            tf.gather(self._counts, tf.maximum(target.flat_values, 0)),
            0,
        )
        columns = {
            "rank": rank.flat_values,
            "known": tf.cast(is_known, tf.int64),
            "context_length": known_before.flat_values,
            "target_count": counts,
        }
        return {
            name: target.with_flat_values(values).to_tensor(0) for name, values in columns.items()
        }

    @tf.function
    def eval_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what the Evaluator slices sessions by, and the label that TFMA insists on.

        Args:
          examples: serialized tf.Examples, string `[batch]`.

        Returns:
          `session_length_bucket`, string `[batch]`, and `label`, float32 `[batch]`, always 1: the
          targets are inside `evaluate`.
        """
        lengths = _parse_sessions(examples).row_lengths()
        bounds = SESSION_LENGTH_BOUNDS
        lows = [1, *(bound + 1 for bound in bounds)]
        names = [f"{low}..{high}" for low, high in zip(lows, bounds, strict=False)]
        bucket = tf.searchsorted(tf.constant(bounds, tf.int64), lengths)
        names = tf.constant([*names, f"{lows[-1]}.."])
        return {
            "session_length_bucket": tf.gather(names, bucket),
            "label": tf.ones_like(lengths, tf.float32),
        }

    def _top_items(self, sessions: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        """Answers sessions of raw ids, string `[batch, (length)]`."""
        items = self._catalogue_items(self._positions.lookup(sessions))
        lengths = items.row_lengths()
        context = latest_right_padded(items, self._max_context)
        last = tf.clip_by_value(lengths, 1, self._max_context) - 1
        queries = tf.gather(self._query_tower(context), last, axis=1, batch_dims=1)
        scores = tf.linalg.matmul(queries, self._candidates, transpose_b=True)
        scores = adjust_scores(scores, context, self._seen)
        popularity = -tf.range(self._catalogue_size, dtype=tf.float32)
        scores = tf.where((lengths > 0)[:, None], scores, popularity[None])
        top_scores, top = tf.math.top_k(scores, min(TOP_K, self._catalogue_size))
        return {"item_ids": tf.gather(self._catalogue_ids, top), "scores": top_scores}

    def _catalogue_items(self, positions: tf.RaggedTensor) -> tf.RaggedTensor:
        """Drops items outside the catalogue; gives item indices, int64 `[batch, (length)]`."""
        in_catalogue = (positions >= 0) & (positions < self._catalogue_size)
        return tf.ragged.boolean_mask(positions, in_catalogue) + FIRST_ITEM

    def _step_ranks(self, positions: tf.RaggedTensor) -> tf.RaggedTensor:
        """Ranks the target of every step, int64 `[batch, (length - 1)]`.

        A prefix with p catalogue items has the query vector that the tower gives after its latest
        `max_context` ones: up to that length all prefixes of a session share one row of the tower,
        beyond it each prefix needs a row of its own.
        """
        in_catalogue = (positions >= 0) & (positions < self._catalogue_size)
        items = self._catalogue_items(positions)
        seen = _running_count(in_catalogue)[:, :-1]
        target = positions[:, 1:].flat_values
        target = tf.where(target < self._catalogue_size, target, -1)
        session, items_seen = seen.value_rowids(), seen.flat_values

        contexts = self._prefix_contexts(items, session, items_seen)
        queries = self._prefix_queries(items, contexts, session, items_seen)
        ranks = conservative_rank(
            queries,
            self._candidates,
            target,
            adjust=lambda scores, rows: adjust_scores(
                scores, tf.gather(contexts, rows), self._seen
            ),
        )
        # A session without items is answered by popularity, which is the catalogue's order.
        by_popularity = tf.where(target >= 0, target + 1, self._catalogue_size + 1)
        return seen.with_flat_values(tf.where(items_seen > 0, ranks, by_popularity))

    def _prefix_contexts(
        self, items: tf.RaggedTensor, session: tf.Tensor, items_seen: tf.Tensor
    ) -> tf.Tensor:
        """Returns what the tower sees of each (session, number of its items seen).

        Returns:
          int64 `[steps, max_context]`, right-padded with 0.
        """
        columns = tf.range(self._max_context, dtype=tf.int64)
        length = tf.minimum(items_seen, self._max_context)
        start = tf.gather(items.row_starts(), session) + items_seen - length
        is_item = columns < length[:, None]
        places = tf.where(is_item, start[:, None] + columns, 0)
        # One item more, so that a batch without any item has something to look up.
        values = tf.pad(items.flat_values, [[0, 1]])
        return tf.where(is_item, tf.gather(values, places), PADDING)

    def _prefix_queries(
        self,
        items: tf.RaggedTensor,
        contexts: tf.Tensor,
        session: tf.Tensor,
        items_seen: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the query vector of each prefix, float32 `[steps, dim]`."""
        window = self._max_context
        short = self._query_tower(latest_right_padded(items[:, :window], window))
        within = tf.minimum(items_seen, window) - 1
        queries = tf.gather_nd(short, tf.stack([session, tf.maximum(within, 0)], axis=1))
        long_steps = tf.where(items_seen > window)
        rows = tf.gather_nd(contexts, long_steps)
        return tf.tensor_scatter_nd_update(queries, long_steps, self._query_tower(rows)[:, -1])


def export(
    model: TwoTower,
    vocabulary: Vocabulary,
    max_context: int,
    vocabulary_file: str,
    folder: str,
    seen: SeenItemScores = NO_CHANGE,
) -> None:
    """Writes the SavedModel with the signatures of `Recommender`.

    Args:
      model: trained towers.
      vocabulary: all known items.
      max_context: items of a session that the query tower sees.
      vocabulary_file: scratch file for the item ids, copied into the SavedModel as an asset.
      folder: where the SavedModel goes.
      seen: the scalars of the items that the query tower sees.
    """
    module = Recommender(model, vocabulary, max_context, vocabulary_file, seen)
    tf.saved_model.save(module, folder, signatures=module.signatures())


def _parse_sessions(examples: tf.Tensor) -> tf.RaggedTensor:
    spec = {SESSION_FEATURE: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)}
    return tf.io.parse_example(examples, spec)[SESSION_FEATURE]


def _running_count(flags: tf.RaggedTensor) -> tf.RaggedTensor:
    """Counts, at each place, the flags set up to and including it, int64 of the same shape."""
    running = tf.cumsum(tf.cast(flags.flat_values, tf.int64))
    before_row = tf.gather(tf.concat([[0], running], 0), flags.row_starts())
    return flags.with_flat_values(running - tf.gather(before_row, flags.value_rowids()))
