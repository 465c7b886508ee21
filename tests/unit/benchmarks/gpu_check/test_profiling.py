"""Profiles: a real one of the CPU, and one that is written as TensorFlow writes those of GPUs."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from benchmarks.gpu_check import profiling


def test_doctests() -> None:
    result = doctest.testmod(profiling)
    assert (result.attempted, result.failed) == (3, 0)


def test_a_profile_of_the_cpu_has_the_ops_that_ran(tmp_path: Path) -> None:
    @tf.function
    def roots(matrix: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.sqrt(matrix))

    roots(tf.ones([4, 4]))
    profiling.start(tmp_path)
    for _ in range(3):
        roots(tf.ones([4, 4]))
    profile = profiling.stop(tmp_path)
    assert profile.ops["Sqrt"] == profile.ops["Sum"] == 3
    assert profile.cudnn_ops == {"CudnnRNN": 0, "CudnnRNNBackprop": 0}
    assert (profile.kernels, profile.busy_share, profile.cudnn_rnn_seconds) == ([], None, {})


def test_a_folder_with_another_profile_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "plugins" / "profile" / "earlier" / "host.xplane.pb"
    other.parent.mkdir(parents=True)
    other.touch()
    profiling.start(tmp_path)
    with pytest.raises(ValueError, match=r"must hold one profile.*'host.xplane.pb'"):
        profiling.stop(tmp_path)


def _add_events(plane: Any, line_name: str, events: list[tuple[str, int, int, str]]) -> None:
    """Adds a line of events: name, begin and end in microseconds, and op."""
    line = plane.lines.add(name=line_name, timestamp_ns=5_000)
    plane.stat_metadata[1].name = "tf_op"
    for name, begin, end, op in events:
        number = len(plane.event_metadata) + 1
        plane.event_metadata[number].name = name
        event = line.events.add(
            metadata_id=number, offset_ps=begin * 10**6, duration_ps=(end - begin) * 10**6
        )
        if op:  # texts of stats are kept apart
            text = len(plane.stat_metadata) + 1
            plane.stat_metadata[text].name = op
            event.stats.add(metadata_id=1, ref_value=text)


@pytest.fixture
def space() -> Any:
    """A profile as `cupti_collector.cc` of XLA writes it."""
    space = xplane_pb2.XSpace()
    host = space.planes.add(name="/host:CPU")
    _add_events(
        host,
        "python",
        [
            ("member_0/gru/CudnnRNN:CudnnRNN", 0, 9, ""),
            ("member_1/gru/CudnnRNNV3:CudnnRNNV3", 9, 10, ""),
            ("gradients/CudnnRNNBackpropV3:CudnnRNNBackpropV3", 10, 11, ""),
            ("ExecutorState::Process", 0, 20, ""),
        ],
    )
    gpu = space.planes.add(name="/device:GPU:0")
    _add_events(
        gpu,
        "Stream #13(Kernel,MemcpyD2D)",
        [
            ("void persist_fp<float>", 0, 6, "member_0/gru/CudnnRNN:CudnnRNN"),
            ("void persist_fp<float>", 6, 10, "member_1/gru/CudnnRNNV3:CudnnRNNV3"),
            ("void elementWise_bp_GRU", 20, 26, ""),
            ("ampere_sgemm_32x32", 26, 40, "member_0/MatMul:MatMul"),
        ],
    )
    _add_events(gpu, "Stream #20(MemcpyH2D)", [("MemcpyH2D", 5, 15, "")])
    _add_events(gpu, "Steps", [("1", 0, 1_000, "")])  # a summary
    space.planes.add(name="/device:GPU:1")  # did nothing
    return space


def test_a_profile_of_a_gpu_has_kernels_with_their_ops(space: Any) -> None:
    profile = profiling.read(space)
    assert profile.cudnn_ops == {"CudnnRNN": 2, "CudnnRNNBackprop": 1}
    assert profile.ops["CudnnRNNV3"] == 1
    (kernels,) = profile.kernels
    assert [kernel.name for kernel in kernels if not kernel.is_of_cudnn_rnn] == [
        *("ampere_sgemm_32x32", "MemcpyH2D")
    ]
    assert kernels[0].op == "member_0/gru/CudnnRNN:CudnnRNN"
    assert kernels[0].interval == (5_000_000, 11_000_000)
    assert profile.cudnn_rnn_seconds == pytest.approx(
        {"void persist_fp<float>": 10e-6, "void elementWise_bp_GRU": 6e-6}
    )


def test_a_gpu_is_busy_where_anything_runs_on_any_stream(space: Any) -> None:
    """Busy from 0 to 15 and from 20 to 40 us."""
    assert profiling.read(space).busy_share == pytest.approx(35 / 40)


@pytest.mark.parametrize(
    ("intervals", "share"), [([(3, 3)], 1.0), ([(0, 9), (2, 3)], 1.0), ([(0, 1), (9, 10)], 0.2)]
)
def test_busy_share(intervals: list[profiling.Interval], share: float) -> None:
    assert profiling.busy_share(intervals) == share
