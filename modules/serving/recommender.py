"""The exported model: raw item ids in, ranked item ids out, and a signature for its evaluation.

All signatures share the code, so that `evaluate` evaluates what `recommend` returns. There are no
custom ops: a stock TensorFlow Serving loads the model.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from modules.data.item_indices import NO_ITEM
from modules.data.vocabulary import Vocabulary
from modules.evaluation.slice_names import SESSION_LENGTH_BOUNDS, range_names
from modules.model.two_tower import TwoTower
from modules.serving.contexts import running_count
from modules.serving.exact_index import ExactIndex
from modules.serving.item_lookup import ItemLookup, bare_ids
from modules.serving.request_filters import Filters, check_request
from modules.serving.score_adjustments import NO_CHANGE, SessionAdjustments
from modules.serving.session.answers import Answer, SessionAnswers
from modules.serving.session_scorer import SessionScorer
from modules.sessions.examples import parse_sessions


class Recommender(tf.Module):
    """Recommends the exact top items of the catalogue for sessions.

    Items that training saw too rarely are ignored in a session. Those that it did not see at all
    are recommended again, see `modules.serving.session.own_items`, if that is wanted. For a session
    without an item of the catalogue, the most popular items are recommended behind them, scored by
    minus their position.
    """

    def __init__(
        self,
        model: TwoTower,
        vocabulary: Vocabulary,
        max_context: int,
        vocabulary_file: str,
        seen: SessionAdjustments = NO_CHANGE,
        own_items: bool = True,
    ) -> None:
        """Freezes the candidate vectors of a trained model.

        Args:
          model: trained model, whose query tower is exported too.
          vocabulary: all known items; the first `catalogue_size` can be recommended.
          max_context: number of items of a session that the query tower sees, the latest ones.
          vocabulary_file: file to write item ids to, one a line; becomes an asset.
          seen: score adjustments of the items that the query tower sees.
          own_items: whether to recommend items of the session that the model does not know.
        """
        super().__init__(name="recommender")
        self._items = ItemLookup(vocabulary, vocabulary_file)
        self._index = ExactIndex(model.candidate_tower.catalogue())
        self._scorer = SessionScorer(model.query_tower, self._index, max_context, seen)
        self._answers = SessionAnswers(self._items, self._index, self._scorer, own_items)

    def signatures(self) -> dict[str, Callable[..., Answer]]:
        """Returns the functions to export, by signature name."""
        serialized = tf.TensorSpec([None], tf.string, "examples")
        sessions = tf.TensorSpec([None, None], tf.string, "item_ids")
        filtered = (
            sessions,
            tf.TensorSpec([], tf.int32, "k"),
            tf.TensorSpec([None, None], tf.string, "exclude"),
            tf.TensorSpec([None, None], tf.string, "allow"),
            tf.TensorSpec([], tf.string, "session_items"),
        )
        items = tf.TensorSpec([None], tf.string, "item_ids")
        functions = {
            "serving_default": (self.recommend_examples, serialized),
            "recommend": (self.recommend, sessions),
            "recommend_filtered": (self.recommend_filtered, *filtered),
            "embed_query": (self.embed_query, sessions),
            "embed_items": (self.embed_items, items),
            "evaluate": (self.evaluate, serialized),
            "eval_features": (self.eval_features, serialized),
        }
        # Not functions of the module: those would be traced, saved and loaded a second time.
        return {
            name: tf.function(function, autograph=False).get_concrete_function(*inputs)
            for name, (function, *inputs) in functions.items()
        }

    def recommend(self, item_ids: tf.Tensor) -> Answer:
        """Recommends items for sessions of raw ids.

        Args:
          item_ids: string `[batch, length]` in time order, '' is padding.

        Returns:
          `item_ids`, string `[batch, k]`, and `scores`, float32 `[batch, k]`, best first; k is
          100, or the size of the trained catalogue if that is less. Equal scores are ordered by
          popularity. If fewer items are recommendable, rows end with the id '' and the score -inf.
        """
        return self._answers.recommend(self._answers.session(item_ids))

    def recommend_examples(self, examples: tf.Tensor) -> Answer:
        """Recommends items for serialized tf.Examples, string `[batch]`; see `recommend`."""
        sessions = parse_sessions(examples).to_tensor("")
        return self._answers.recommend(self._answers.session(sessions))

    def recommend_filtered(
        self,
        item_ids: tf.Tensor,
        k: tf.Tensor,
        exclude: tf.Tensor,
        allow: tf.Tensor,
        session_items: tf.Tensor,
    ) -> Answer:
        """Recommends items under the filters of a request.

        Args:
          item_ids: string `[batch, length]` in time order, '' is padding.
          k: number of items, int32 scalar, at least 1; limited to the catalogue's size.
          exclude: ids not to recommend, string `[batch, any]`, '' is padding.
          allow: the only ids to recommend, string `[batch, any]`, '' is padding; a row without any
            id allows the whole catalogue.
          session_items: string scalar: `keep` scores items of the session as `recommend` does,
            `demote` ranks them behind all others, `drop` does not recommend them. Unlike the query
            tower, this filter sees the whole session.

        Returns:
          As `recommend`. A row with fewer than k items left ends with the id '' and the score -inf.
          Scores of demoted items are meaningful only for their order.

        Raises:
          InvalidArgumentError: `k` or `session_items` is invalid.
        """
        with tf.control_dependencies(check_request(k, session_items)):
            session = self._answers.session(item_ids)
        filters = Filters(bare_ids(exclude), bare_ids(allow), session_items)
        return self._answers.filtered(
            session, filters, tf.minimum(k, tf.cast(self._index.size, tf.int32))
        )

    def embed_query(self, item_ids: tf.Tensor) -> Answer:
        """Returns the vectors of sessions of raw ids, to search a vector store with.

        Args:
          item_ids: string `[batch, length]` in time order, '' is padding.

        Returns:
          `embedding`, float32 `[batch, dim]`, whose dot product with the embedding of an item
          outside the session is its score in `recommend`, and `context_length`, int64 `[batch]`,
          the number of catalogue items in the session. If that is 0, the vector is zero.
        """
        positions = self._items.catalogue_positions(item_ids)
        contexts = self._scorer.contexts(positions)
        queries = self._scorer.queries(contexts)
        return {
            "embedding": tf.where(contexts[:, :1] != NO_ITEM, queries, 0.0),
            "context_length": tf.math.count_nonzero(positions >= 0, axis=1),
        }

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string)], autograph=False)
    def session_state(self, item_ids: tf.Tensor) -> Answer:
        """Returns `SessionAnswers.state` of sessions, `[batch, length]`, for another index.

        Not a signature: `modules.ann.export` takes it from the loaded model.
        """
        return self._answers.state(self._answers.session(item_ids))

    def embed_items(self, item_ids: tf.Tensor) -> Answer:
        """Returns the vectors of items, to fill a vector store with.

        Args:
          item_ids: string `[items]`.

        Returns:
          `embedding`, float32 `[items, dim]`, zero outside the catalogue, and `in_catalogue`, bool
          `[items]`.
        """
        positions = self._items.catalogue_positions(item_ids)
        in_catalogue = positions >= 0
        vectors = self._index.vectors_at(tf.maximum(positions, 0))
        return {
            "embedding": tf.where(in_catalogue[:, None], vectors, 0.0),
            "in_catalogue": in_catalogue,
        }

    def evaluate(self, examples: tf.Tensor) -> Answer:
        """Evaluates every step of a session by what `recommend` returns for its prefix.

        Args:
          examples: serialized tf.Examples, string `[batch]`.

        Returns:
          int64 `[batch, steps]` each; step j has items 0 to j as prefix and item j + 1 as target:
          `rank`, conservative, `ranks.UNRANKED` for a target that cannot be recommended, 0 where
          there is no such step; `known`, 1 where the target and an item before it are known;
          `context_length`, known items in the prefix; `target_count`, training events of the
          target; `known_rank`, the rank after the prefix without its unknown items.
        """
        item_ids = bare_ids(parse_sessions(examples))
        positions = self._items.positions_of_bare(item_ids)
        target = positions[:, 1:]
        rank, known_rank = self._answers.step_ranks(item_ids, positions)
        known_before = running_count(positions >= 0)[:, :-1]
        is_known = (target.flat_values >= 0) & (known_before.flat_values > 0)
        columns = {
            "rank": rank,
            "known": tf.cast(is_known, tf.int64),
            "context_length": known_before.flat_values,
            "target_count": self._items.counts(target.flat_values),
            "known_rank": known_rank,
        }
        return {
            name: target.with_flat_values(values).to_tensor(0) for name, values in columns.items()
        }

    def eval_features(self, examples: tf.Tensor) -> Answer:
        """Returns the Evaluator's session slice, and the label that TFMA requires.

        Args:
          examples: serialized tf.Examples, string `[batch]`.

        Returns:
          `session_length_bucket`, string `[batch]`, and `label`, float32 `[batch]`, always 1: the
          targets are inside `evaluate`.
        """
        lengths = parse_sessions(examples).row_lengths()
        bucket = tf.searchsorted(tf.constant(SESSION_LENGTH_BOUNDS, tf.int64), lengths)
        names = tf.constant(range_names(SESSION_LENGTH_BOUNDS))
        return {
            "session_length_bucket": tf.gather(names, bucket),
            "label": tf.ones_like(lengths, tf.float32),
        }


def export(
    model: TwoTower,
    vocabulary: Vocabulary,
    max_context: int,
    vocabulary_file: str,
    folder: str,
    seen: SessionAdjustments = NO_CHANGE,
    own_items: bool = True,
) -> None:
    """Writes the SavedModel with the signatures of `Recommender`.

    Args:
      model: trained model.
      vocabulary: all known items.
      max_context: number of items of a session that the query tower sees.
      vocabulary_file: scratch file for the item ids, copied into the SavedModel as an asset.
      folder: folder of the SavedModel.
      seen: score adjustments of the items that the query tower sees.
      own_items: whether to recommend items of the session that the model does not know.
    """
    module = Recommender(model, vocabulary, max_context, vocabulary_file, seen, own_items)
    tf.saved_model.save(module, folder, signatures=module.signatures())
