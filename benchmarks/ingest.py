"""Measures ingestion: time, CPU time and peak memory of each node, at several sizes.

    python benchmarks/ingest.py                     # 0.5, 1, 2 and 5 million events, minutes
    python benchmarks/ingest.py --events 100000     # a quick look

Nodes are the pipeline's own: split eval is cut from the events, split test is a thousand more.
Every measurement is a process of its own, so that its peak memory (imports included) is its own
too; nodes upstream of the measured one come from TFX's cache. CPU seconds, without imports,
are more reliable than wall time on a busy machine. The last lines give the ratio of the
CPU time per event at the largest size to that at the smallest: 1 is linear.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.child_process import output_of  # noqa: E402

SIZES = (500_000, 1_000_000, 2_000_000, 5_000_000)
NODES = ("SessionExampleGen", "StatisticsGen", "Transform")
"""The measured nodes of the pipeline, in its order."""
_TEST_EVENTS = 1_000

_FIRST_MS = 1_441_324_800_000
_DAY_MS = 86_400_000


class Measurement(NamedTuple):
    """One node at one size."""

    node: str
    events: int
    seconds: float
    cpu_seconds: float
    peak_gib: float


def write_log(path: Path, events: int, seed: int = 0) -> None:
    """Writes a TSV of RetailRocket's shape: 3.6 events a session, few items with most events.

    Rows are in order of session start, as shops export them; sessions overlap in time.
    """
    draw = np.random.default_rng(seed)
    lengths = 2 + np.minimum(draw.geometric(0.385, events // 2) - 1, 198)
    sessions = int(np.searchsorted(np.cumsum(lengths), events)) + 1
    session = np.repeat(np.arange(sessions), lengths[:sessions])[:events]
    starts = np.sort(_FIRST_MS + draw.integers(0, 28 * _DAY_MS, sessions))
    times = starts[session] + draw.integers(0, 1_800_000, events)
    items = (draw.pareto(0.8, events) * 20).astype(np.int64) % max(1_000, events // 18)
    with path.open("w", encoding="utf-8") as file:
        file.write("SessionId\tItemId\tTime\n")
        rows = zip(session.tolist(), items.tolist(), times.tolist(), strict=True)
        file.writelines(f"{s}\t{i}\t{t}\n" for s, i, t in rows)


def measure(node: str, events: int, folder: Path) -> Measurement:
    """Runs the pipeline up to `node` in a process of its own and returns what that took."""
    command = [sys.executable, __file__, "--events", str(events), "--node", node]
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_USE_LEGACY_KERAS": "1",  # TFX imports TensorFlow before our modules can say so
    }
    command += ["--folder", str(folder)]
    output = output_of(command, f"{node} on {events} events", env=environment)
    return Measurement(**json.loads(output.splitlines()[-1]))


def run_node(node: str, events: int, folder: Path) -> Measurement:
    """Runs the pipeline up to `node` in this process."""
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.pipeline import RunOptions

    from pipeline.config import load_config
    from pipeline.data_files import DataPaths
    from pipeline.paths import Paths
    from pipeline.pipeline import create_pipeline

    logging.disable(logging.WARNING)
    test = folder / "test.tsv"
    write_log(test, _TEST_EVENTS)
    data = DataPaths(train=str(folder / f"{events}.tsv"), test=str(test))
    made = create_pipeline(load_config("custom", data=data), Paths.under(folder / str(events)))
    before = _cpu_seconds()
    with contextlib.redirect_stdout(sys.stderr):
        LocalDagRunner().run(made, run_options=RunOptions(to_nodes=[node]))
    cpu = _cpu_seconds() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    wall = _last_seconds(made.metadata_connection_config, node)
    return Measurement(node, events, wall, cpu, peak)


def _cpu_seconds() -> float:
    """Returns the CPU time of this process and of its finished children."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _last_seconds(connection: Any, node: str) -> float:
    """Returns how long the node's newest execution took, driver and publisher included."""
    from ml_metadata import MetadataStore

    (context,) = [
        found
        for found in MetadataStore(connection).get_contexts_by_type("node")
        if found.name.endswith(f".{node}")
    ]
    found = MetadataStore(connection).get_executions_by_context(context.id)
    execution = max(found, key=lambda execution: execution.id)
    milliseconds = execution.last_update_time_since_epoch - execution.create_time_since_epoch
    return float(milliseconds) / 1000


def report(measurements: Sequence[Measurement]) -> str:
    """Formats the table and the ratios."""
    numbers = f"{'seconds':>10}{'CPU s':>10}{'events/CPU s':>14}{'peak GiB':>10}"
    lines = [f"{'node':<20}{'events':>12}{numbers}"]
    for node, events, seconds, cpu, peak in measurements:
        rate = events / cpu
        lines.append(
            f"{node:<20}{events:>12,}{seconds:>10.1f}{cpu:>10.1f}{rate:>14,.0f}{peak:>10.2f}"
        )
    for node in NODES:
        own = sorted((m for m in measurements if m.node == node), key=lambda m: m.events)
        if len(own) > 1:
            first, last = own[0], own[-1]
            ratio = (last.cpu_seconds / last.events) / (first.cpu_seconds / first.events)
            lines.append(
                f"{node}: CPU time per event at {last.events:,} over {first.events:,}: {ratio:.2f}"
            )
    return "\n".join(lines)


def main() -> None:
    """Measures all nodes at all sizes, or, with --node, one node in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, nargs="+", default=SIZES)
    parser.add_argument("--folder", type=Path, help="where files go; default: a temporary folder")
    parser.add_argument("--node", choices=NODES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.node:
        print(json.dumps(run_node(arguments.node, arguments.events[0], arguments.folder)._asdict()))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        measurements = []
        for events in arguments.events:
            write_log(folder / f"{events}.tsv", events)
            for node in NODES:
                measurements.append(measure(node, events, folder))
                print(report(measurements[-1:]).splitlines()[1], flush=True)
    print("\n" + report(measurements))


if __name__ == "__main__":
    main()
