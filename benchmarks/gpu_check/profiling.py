"""Reads what TensorFlow's profiler wrote: which ops ran, and how long a GPU was busy."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip

# On both stacks the message types of a profile lie here; no public module has them.
from tensorflow.tsl.profiler.protobuf import xplane_pb2  # isort: skip

CUDNN_OPS = ("CudnnRNN", "CudnnRNNBackprop")
"""Ops of a whole GRU in cuDNN and of its gradients, which run on GPUs alone.

Versions apart: tf_keras 2.16 uses the first one, 2.21 `CudnnRNNV3` and `CudnnRNNBackpropV3`.
"""
_OPTIONS = tf.profiler.experimental.ProfilerOptions(
    host_tracer_level=2, python_tracer_level=0, device_tracer_level=1
)
# An executed op is recorded by its name in the graph and its type: `gru/CudnnRNN:CudnnRNN`.
_OP = re.compile(r"[^:]+:(\w+)")
_VERSION = re.compile(r"V\d+$")
_GPU = "/device:GPU:"
_OP_STAT = "tf_op"
_RNN = re.compile("rnn|gru", re.IGNORECASE)
_STREAM = "Stream"  # begins the name of a line of kernels and copies; others summarise those
_PICOSECONDS = 1e12

Interval = tuple[int, int]
"""Begin and end, picoseconds."""


class Kernel(NamedTuple):
    """What a GPU did at a time: a kernel or a copy.

    Attributes:
      name: name of the kernel's function.
      op: the op that launched it, name and type; "" if the profile does not say.
      interval: when it ran.
    """

    name: str
    op: str
    interval: Interval

    @property
    def seconds(self) -> float:
        """How long it ran."""
        begin, end = self.interval
        return (end - begin) / _PICOSECONDS

    @property
    def is_of_cudnn_rnn(self) -> bool:
        """Whether cuDNN's GRU launched it: by its op, or by its own name."""
        types = {without_version(op) for op in op_types([self.op])}
        return bool(types & {*CUDNN_OPS} or _RNN.search(self.name))


class Profile(NamedTuple):
    """What ran while a profile was taken.

    Attributes:
      ops: number of executions of each type of op, such as `MatMul`.
      kernels: all kernels of each GPU that ran any.
    """

    ops: Counter[str]
    kernels: list[list[Kernel]]

    @property
    def cudnn_ops(self) -> dict[str, int]:
        """Number of executions of each of `CUDNN_OPS`, in any version."""
        found = dict.fromkeys(CUDNN_OPS, 0)
        for op, times in self.ops.items():
            if (name := without_version(op)) in found:
                found[name] += times
        return found

    @property
    def busy_share(self) -> float | None:
        """Share of the time in which a GPU was busy, the mean over GPUs; None without any.

        The time is that from its first kernel to the end of its last one.
        """
        shares = [busy_share([kernel.interval for kernel in of_gpu]) for of_gpu in self.kernels]
        return sum(shares) / len(shares) if shares else None

    @property
    def cudnn_rnn_seconds(self) -> dict[str, float]:
        """Seconds of cuDNN's GRU by name of the kernel."""
        seconds: defaultdict[str, float] = defaultdict(float)
        for kernel in itertools.chain(*self.kernels):
            if kernel.is_of_cudnn_rnn:
                seconds[kernel.name] += kernel.seconds
        return dict(seconds)


def start(folder: Path) -> None:
    """Starts to take a profile; one at a time."""
    tf.profiler.experimental.start(str(folder), _OPTIONS)


def stop(folder: Path) -> Profile:
    """Ends the profile that `start` began in a folder of its own, and reads it.

    Raises:
      ValueError: the folder does not hold exactly one profile.
    """
    tf.profiler.experimental.stop()
    files = sorted(folder.glob("plugins/profile/*/*.xplane.pb"))
    if len(files) != 1:
        raise ValueError(f"{folder} must hold one profile, found {[file.name for file in files]}")
    space = xplane_pb2.XSpace()
    space.ParseFromString(files[0].read_bytes())
    return read(space)


def read(space: Any) -> Profile:
    """Reads a profile's message, `XSpace`."""
    ops, kernels = Counter[str](), []
    for plane in space.planes:
        if plane.name.startswith(_GPU):
            kernels.append(list(_kernels(plane)))
        else:
            ops.update(op_types(_names(plane)))
    return Profile(ops, [of_gpu for of_gpu in kernels if of_gpu])


def op_types(names: Iterable[str]) -> Iterator[str]:
    """Yields the type of each event that is the execution of an op.

    >>> list(op_types(["while/body/MatMul_1:MatMul", "Iterator::Prefetch", "EagerExecute"]))
    ['MatMul']
    """
    for name in names:
        if found := _OP.fullmatch(name):
            yield found[1]


def without_version(op: str) -> str:
    """Returns the type of an op without the version at its end.

    >>> without_version("CudnnRNNBackpropV3"), without_version("MatMul")
    ('CudnnRNNBackprop', 'MatMul')
    """
    return _VERSION.sub("", op)


def busy_share(intervals: Sequence[Interval]) -> float:
    """Returns the share of the time from the first begin to the last end that intervals cover.

    >>> busy_share([(0, 10), (5, 20), (30, 40)])
    0.75
    """
    covered, reached = 0, min(begin for begin, _ in intervals)
    whole = max(end for _, end in intervals) - reached
    for begin, end in sorted(intervals):
        covered += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return covered / whole if whole else 1.0


def _names(plane: Any) -> Iterator[str]:
    for line in plane.lines:
        for event in line.events:
            yield plane.event_metadata[event.metadata_id].name


def _kernels(plane: Any) -> Iterator[Kernel]:
    for line in plane.lines:
        if line.name.startswith(_STREAM):
            for event in line.events:
                begin = 1000 * line.timestamp_ns + event.offset_ps
                name = plane.event_metadata[event.metadata_id].name
                yield Kernel(name, _op_of(plane, event), (begin, begin + event.duration_ps))


def _op_of(plane: Any, event: Any) -> str:
    """Returns the op that launched a kernel; texts are kept once, and referred to."""
    for stat in event.stats:
        if plane.stat_metadata[stat.metadata_id].name == _OP_STAT:
            return str(
                plane.stat_metadata[stat.ref_value].name if stat.ref_value else stat.str_value
            )
    return ""
