"""TensorFlow's wheels register kernels for GPUs on every machine: a training step needs no others.

An op without one that reads a variable on a GPU would fail there, others would be slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels

from benchmarks.gpu_check.checks import PRESET, TRAININGS
from benchmarks.gpu_check.profiling import CUDNN_OPS, without_version
from benchmarks.training import load_without_files, make_sessions, make_windows
from modules.data import batching
from modules.model import cooccurrence_neighbors
from modules.model.two_tower import TwoTower
from modules.training import fitting

ITEM_INDICES = 102
_ON_GPUS = ("GPU", "DEFAULT")


def _step(overrides: tuple[str, ...]) -> Any:
    """Returns the graph of a training step as the Trainer takes it, with all its functions."""
    config = load_without_files(PRESET, overrides)
    windows = make_windows(make_sessions(100, ITEM_INDICES - 2), config.features)
    counts = batching.item_counts(tf.data.Dataset.from_tensors(windows), ITEM_INDICES)
    chunk = windows.values.numpy(), windows.row_lengths().numpy()
    together = cooccurrence_neighbors.cooccurrences([chunk], ITEM_INDICES)
    neighbors = cooccurrence_neighbors.nearest_neighbors(together, 4)
    model = TwoTower(counts, config.model, config.trainer, neighbors)
    model.compile(optimizer=fitting._optimizer(config.trainer))
    model.query_tower(tf.constant([[2]]))
    model.optimizer.build(model.trainable_variables)
    batch = tf.TensorSpec([None, None], tf.int32)
    function = tf.function(model.train_step).get_concrete_function((batch, batch))
    return function.graph.as_graph_def()


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def _fits(kernel: Any, node: Any) -> bool:
    return all(
        node.attr[limit.name].type in limit.allowed_values.list.type
        for limit in kernel.constraint
        if limit.name in node.attr and limit.allowed_values.list.type  # others are of text
    )


def _runs_on_gpus(node: Any) -> bool:
    """Returns whether there is a kernel; calls of functions have none."""
    found = kernels.get_registered_kernels_for_op(node.op).kernel
    on_gpus = [kernel for kernel in found if kernel.device_type in _ON_GPUS]
    return not found or any(_fits(kernel, node) for kernel in on_gpus)


@pytest.mark.parametrize(
    "name",
    [
        "float32",
        pytest.param("mixed_float16", marks=pytest.mark.exhaustive),
        pytest.param("full softmax, mixed_bfloat16", marks=pytest.mark.exhaustive),
    ],
)
def test_every_op_of_a_training_step_has_a_kernel_for_gpus(name: str) -> None:
    nodes = list(_nodes(_step(TRAININGS[name])))
    # Messages of assertions are text.
    texts = {id(node) for node in nodes if node.attr["dtype"].type == tf.string.as_datatype_enum}
    assert {
        (node.op, node.name) for node in nodes if id(node) not in texts and not _runs_on_gpus(node)
    } == set()
    # The GRU on cuDNN, which TensorFlow puts in the place of the other one on a GPU.
    assert {*CUDNN_OPS} <= {without_version(node.op) for node in nodes}


def test_an_op_without_a_kernel_for_gpus_is_found() -> None:
    @tf.function
    def split(text: tf.Tensor) -> tf.Tensor:
        return tf.strings.length(text) + tf.ones([], tf.int32)

    graph = split.get_concrete_function(tf.TensorSpec([], tf.string)).graph.as_graph_def()
    assert [node.op for node in _nodes(graph) if not _runs_on_gpus(node)] == ["StringLength"]
