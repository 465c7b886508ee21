"""The GRU two-tower model: training of both towers, and evaluation during training."""

from __future__ import annotations

import dataclasses
import functools
import gc
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from modules.array_types import Float32Array
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.item_indices import FIRST_ITEM, NO_ITEM, PADDING
from modules.evaluation.prediction_steps import ScoredSteps
from modules.evaluation.selection_metric import MRR, RECALL
from modules.evaluation.tf_ranks import conservative_rank
from modules.model.cooccurrence_neighbors import ItemNeighbors
from modules.model.item_embedding import ItemEmbedding
from modules.model.item_features import ItemFeatures
from modules.model.losses import RetrievalLoss
from modules.model.towers import CandidateTower, QueryTower

# More than 32 MiB, which the C library gives back at once: smaller blocks leave holes in its heap.
_SCORES_PER_BLOCK = 12_000_000


class TwoTower(tfrs.Model):
    """Trains both towers with TFRS's retrieval task and evaluates them on the whole catalogue."""

    def __init__(
        self,
        item_counts: tf.Tensor,
        model_options: ModelOptions,
        trainer_options: TrainerOptions,
        neighbors: ItemNeighbors | None = None,
        features: ItemFeatures | None = None,
    ) -> None:
        """Makes the towers and the task.

        Args:
          item_counts: training events by item_index, int64 `[item_indices]`; items with none are
            neither negatives nor candidates of `evaluate`.
          model_options: shape of the towers.
          trainer_options: the loss, and the precision of the towers' layers. Keras's global policy
            is unused, since TFRS's Retrieval fails under mixed ones and other nodes share the
            process.
          neighbors: neighbors of the items in the training data; None for none.
          features: properties of the items; None for none.
        """
        super().__init__()
        in_float32 = dataclasses.replace(trainer_options, precision="float32")
        self._in_float32 = functools.partial(
            TwoTower, item_counts, model_options, in_float32, neighbors, features
        )
        precision = self._precision = trainer_options.precision
        shape = int(item_counts.shape[0]), model_options.ensemble_size, model_options.embedding_dim
        table = ItemEmbedding(*shape, neighbors, precision, features)
        self.candidate_tower = CandidateTower(table, item_counts, model_options)
        if not model_options.shared_embedding:
            table = ItemEmbedding(*shape, neighbors, precision, features)
        self.query_tower = QueryTower(table, self.candidate_tower, model_options, precision)
        self.task = RetrievalLoss(item_counts.numpy(), trainer_options)
        self._takes_part = tf.constant(item_counts[FIRST_ITEM:] > 0)
        self.mean_loss = tf.keras.metrics.Mean("mean_loss")
        self.targets = tf.keras.metrics.Sum("targets")
        self.recall = tf.keras.metrics.Mean(RECALL)
        self.mrr = tf.keras.metrics.Mean(MRR)

    @property
    def training_metrics(self) -> tuple[tf.keras.metrics.Metric, ...]:
        """The metrics of an epoch's training steps."""
        return self.mean_loss, self.targets

    def compute_loss(self, inputs: tuple[tf.Tensor, ...], training: bool = False) -> tf.Tensor:
        """Computes the softmax loss over all targets of a batch.

        Each member learns from its own share of the windows, a different one in every epoch.

        Args:
          inputs: context and target, int32 `[batch, steps]`; steps with target 0 do not count. If
            events have weights, also the weight of each target, float32 of the same shape.
          training: switches dropout on.

        Returns:
          Scalar loss, in nats.
        """
        queries, targets, vectors, weights = [], [], [], []
        for member, own in enumerate(self._shares(inputs)):
            context, target, steps = _checked(own[:2])
            states = self.query_tower.of_member(context, member, training=training)
            queries.append(tf.gather_nd(states, steps))
            targets.append(target)
            vectors.append(functools.partial(self.candidate_tower.of_member, member=member))
            weights += [tf.gather_nd(weight, steps) for weight in own[2:]]
        loss = self.task(queries, targets, vectors, weights or None)
        self.targets.update_state(tf.math.count_nonzero(inputs[1]))
        # The mean over replicas of their shares of the loss is too small by their number.
        self.mean_loss.update_state(loss * tf.distribute.get_strategy().num_replicas_in_sync)
        return loss

    @tf.autograph.experimental.do_not_convert
    def train_step(self, inputs: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """Takes one step of the optimizer.

        Unlike TFRS's own step it scales the loss if the optimizer requires it (float16 gradients
        would vanish), and reports no metrics that only `evaluate` updates.
        """
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, training=True)
        step = self.optimizer.compute_gradients(loss, self.trainable_variables, tape)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if replicas > 1:
            step = [(_over_replicas(gradient), variable) for gradient, variable in step]
        self.optimizer.apply_gradients(step, skip_gradients_aggregation=replicas > 1)
        return {metric.name: metric.result() for metric in self.training_metrics}

    @tf.autograph.experimental.do_not_convert
    def test_step(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Adds all targets of a batch to Recall@20 and MRR@20 over the full catalogue."""
        queries, target = self._queries_and_targets(inputs)
        columns = tf.transpose(self.candidate_tower.catalogue())
        rank = conservative_rank(queries, columns, target - FIRST_ITEM, self._takes_part)
        hit = tf.cast(rank <= 20, tf.float32)
        self.recall.update_state(hit)
        self.mrr.update_state(hit / tf.cast(rank, tf.float32))
        return {metric.name: metric.result() for metric in (self.recall, self.mrr)}

    def for_serving(self) -> TwoTower:
        """Returns the model for serving: in float32, on one device, with simple lookups as tables.

        If it has all of that but the tables, it is this model itself, changed in place. On one
        device this model loses its optimizer, whose state takes three times the memory of a table.
        """
        served = self
        weights = self.query_tower.weights
        distributed = any(isinstance(weight, tf.distribute.DistributedValues) for weight in weights)
        if not distributed:
            # Keras would go on tracking what it traced to train, and so the optimizer's variables.
            for name in ("train_function", "train_tf_function"):
                setattr(self, name, None)
                self._delete_tracking(name)
            self.compile()
            gc.collect()  # it refers to itself
        if self._precision != "float32" or distributed:
            served = self._in_float32()
            served.query_tower(tf.constant([[FIRST_ITEM]]))
            for weight, trained in zip(
                served.query_tower.weights, self.query_tower.weights, strict=True
            ):
                weight.assign(trained)
        served.candidate_tower.table.mix_in()
        served.query_tower.table.mix_in()
        # The trace still adds what the tables hold now.
        served.__dict__.pop("_traced_queries_and_targets", None)
        return served

    def feature_vectors(self) -> tuple[Float32Array, ...]:
        """Returns what the values of item features add in the towers' tables; () without any.

        Before `for_serving`: the query tower's, and if that is not the candidate tower's, that too.
        """
        tables = dict.fromkeys((self.query_tower.table, self.candidate_tower.table))
        found = (table.feature_vectors() for table in tables)
        return tuple(vectors for vectors in found if vectors is not None)

    def scored_steps(self, batches: tf.data.Dataset) -> Iterator[ScoredSteps]:
        """Scores the whole catalogue at every step that has a target.

        Args:
          batches: dataset of (context, target), int32 `[batch, steps]`.

        Yields:
          Blocks of steps; items without training events score -inf.
        """
        # By rows of candidates, the product would take a fifth longer.
        columns = tf.transpose(self.candidate_tower.catalogue())
        mask = tf.where(self._takes_part, 0.0, -float("inf"))
        log_counts = self.candidate_tower.log_counts[FIRST_ITEM:].numpy()
        for context, target in batches:
            queries, targets = self._traced_queries_and_targets((context, target))
            place = tf.where(target != PADDING)
            is_seen = tf.range(tf.shape(context)[1], dtype=tf.int64) <= place[:, 1:]
            contexts = tf.where(is_seen, tf.gather(context, place[:, 0]) - FIRST_ITEM, NO_ITEM)
            block = max(1, _SCORES_PER_BLOCK // columns.shape[1])
            for start in range(0, len(targets), block):
                rows = slice(start, start + block)
                scores = tf.linalg.matmul(queries[rows], columns) + mask
                yield ScoredSteps(
                    np.asarray(scores),  # not a copy
                    contexts[rows].numpy(),
                    targets[rows].numpy() - FIRST_ITEM,
                    log_counts,
                )

    def catalogue_scores(self, contexts: tf.Tensor) -> tf.Tensor:
        """Scores the whole catalogue after each context, float32 `[rows, catalogue]`.

        Args:
          contexts: item indices, int `[rows, length]`, right-padded with 0; no row is empty.
        """
        last = tf.math.count_nonzero(contexts, axis=1) - 1
        queries = tf.gather(self.query_tower(contexts), last, axis=1, batch_dims=1)
        return tf.linalg.matmul(queries, self.candidate_tower.catalogue(), transpose_b=True)

    @functools.cached_property
    def _traced_queries_and_targets(self) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
        """`_queries_and_targets` as a graph: without one, Keras traces each GRU in every call."""
        indices = tf.TensorSpec([None, None], tf.int32)
        return tf.function(
            self._queries_and_targets, input_signature=[(indices, indices)], autograph=False
        )

    def _shares(self, inputs: tuple[tf.Tensor, ...]) -> Iterator[tuple[tf.Tensor, ...]]:
        """Yields each member's share of a batch's windows.

        If there are fewer windows than members, each member gets all of them.
        """
        members = self.query_tower.options.ensemble_size
        windows = tf.shape(inputs[0])[0]
        enough = windows >= members
        for member in range(members):
            first, stride = tf.where(enough, member, 0), tf.where(enough, members, 1)
            own = tf.range(first, windows, stride)
            yield tuple(tf.gather(part, own) for part in inputs)

    def _queries_and_targets(
        self, inputs: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        context, target, steps = _checked(inputs)
        return tf.gather_nd(self.query_tower(context), steps), target


def _checked(inputs: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns contexts, targets `[targets]`, and the cell of each target, `[targets, 2]`."""
    context, target = inputs
    tf.debugging.assert_shapes(
        [(context, ("batch", "steps")), (target, ("batch", "steps"))],
        message="target must have context's shape, [batch, steps]",
    )
    steps = tf.where(target != PADDING)
    return context, tf.gather_nd(target, steps), steps


def _over_replicas(gradient: tf.Tensor | tf.IndexedSlices) -> tf.Tensor | tf.IndexedSlices:
    """Returns the sum of a gradient over all replicas.

    That of a table stays sparse, with the rows of all replicas, so that the optimizer updates the
    rows that a single device would, and no others.
    """
    replica = tf.distribute.get_replica_context()
    if not isinstance(gradient, tf.IndexedSlices):
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, gradient)
    # Replicas have different numbers of rows.
    values, rows = replica.all_gather((gradient.values, gradient.indices), axis=0)
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
