"""Measures ingestion: time, CPU time and peak memory of each node, at several sizes.

    python benchmarks/ingest.py                     # 0.5, 1, 2 and 5 million events, minutes
    python benchmarks/ingest.py --events 100000     # a quick look
    python benchmarks/ingest.py --visitors          # the same events without sessions
    python benchmarks/ingest.py --format parquet --nodes SessionExampleGen
    python benchmarks/ingest.py --set sessions.min_item_support=5

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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.child_process import output_of  # noqa: E402

SIZES = (500_000, 1_000_000, 2_000_000, 5_000_000)
NODES = ("SessionExampleGen", "StatisticsGen", "Transform")
"""The measured nodes of the pipeline, in its order."""
_TEST_EVENTS = 1_000
_VISITS = 3  # sessions of a visitor, days apart

_FIRST_MS = 1_441_324_800_000
_DAY_MS = 86_400_000


class Measurement(NamedTuple):
    """One node at one size."""

    node: str
    events: int
    seconds: float
    cpu_seconds: float
    peak_gib: float


class Log(NamedTuple):
    """What the measured log is like, and how it is read."""

    visitors: bool
    format: str
    settings: Sequence[str]


def write_log(path: Path, events: int, seed: int = 0, visitors: bool = False) -> None:
    """Writes a log of RetailRocket's shape: 3.6 events a session, few items with most events.

    The name's ending says the format, one of `FORMATS`.

    Rows are in order of session start, as shops export them; sessions overlap in time. With
    `visitors` the first column has the visitor of each session.
    """
    draw = np.random.default_rng(seed)
    lengths = 2 + np.minimum(draw.geometric(0.385, events // 2) - 1, 198)
    sessions = int(np.searchsorted(np.cumsum(lengths), events)) + 1
    session = np.repeat(np.arange(sessions), lengths[:sessions])[:events]
    starts = np.sort(_FIRST_MS + draw.integers(0, 28 * _DAY_MS, sessions))
    times = starts[session] + draw.integers(0, 1_800_000, events)
    if visitors:
        session %= max(1, sessions // _VISITS)
    items = (draw.pareto(0.8, events) * 20).astype(np.int64) % max(1_000, events // 18)
    first = "VisitorId" if visitors else "SessionId"
    FORMATS[path.suffix[1:]](path, {first: session, "ItemId": items, "Time": times})


def _write_tsv(path: Path, columns: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(columns) + "\n")
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        file.writelines(f"{s}\t{i}\t{t}\n" for s, i, t in rows)


def _write_json_lines(path: Path, columns: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        file.writelines(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)


def _write_parquet(path: Path, columns: dict[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)


def _write_avro(path: Path, columns: dict[str, Any]) -> None:
    import fastavro

    fields = [{"name": name, "type": "long"} for name in columns]
    schema = fastavro.parse_schema({"type": "record", "name": "Click", "fields": fields})
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    with path.open("wb") as file:
        records = (dict(zip(columns, row, strict=True)) for row in rows)
        fastavro.writer(file, schema, records, "deflate")


FORMATS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "tsv": _write_tsv,
    "jsonl": _write_json_lines,
    "parquet": _write_parquet,
    "avro": _write_avro,
}
"""The writer of each format, by the ending of its files."""


def measure(node: str, events: int, folder: Path, log: Log) -> Measurement:
    """Runs the pipeline up to `node` in a process of its own and returns what that took."""
    command = [sys.executable, __file__, "--events", str(events), "--node", node]
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_USE_LEGACY_KERAS": "1",  # TFX imports TensorFlow before our modules can say so
    }
    command += ["--folder", str(folder), "--format", log.format, "--set", *log.settings]
    command += ["--visitors"] if log.visitors else []
    output = output_of(command, f"{node} on {events} events", env=environment)
    return Measurement(**json.loads(output.splitlines()[-1]))


def run_node(node: str, events: int, folder: Path, log: Log) -> Measurement:
    """Runs the pipeline up to `node` in this process."""
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.pipeline import RunOptions

    from pipeline.config import load_config
    from pipeline.data_files import DataPaths
    from pipeline.paths import Paths
    from pipeline.pipeline import create_pipeline

    logging.disable(logging.WARNING)
    test = folder / f"test.{log.format}"
    write_log(test, _TEST_EVENTS, visitors=log.visitors)
    data = DataPaths(train=str(folder / f"{events}.{log.format}"), test=str(test))
    settings = [*log.settings, *(["sessions.visitor_column=VisitorId"] if log.visitors else [])]
    made = create_pipeline(load_config("custom", settings, data), Paths.under(folder / str(events)))
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
    parser.add_argument("--visitors", action="store_true", help="cut sessions from visitors")
    parser.add_argument("--format", choices=FORMATS, default="tsv")
    parser.add_argument("--set", nargs="*", default=(), metavar="SECTION.OPTION=VALUE")
    parser.add_argument("--nodes", nargs="+", choices=NODES, default=NODES)
    parser.add_argument("--node", choices=NODES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    log = Log(arguments.visitors, arguments.format, arguments.set)
    if arguments.node:
        found = run_node(arguments.node, arguments.events[0], arguments.folder, log)
        print(json.dumps(found._asdict()))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        measurements = []
        for events in arguments.events:
            write_log(folder / f"{events}.{log.format}", events, visitors=log.visitors)
            for node in arguments.nodes:
                measurements.append(measure(node, events, folder, log))
                print(report(measurements[-1:]).splitlines()[1], flush=True)
    print("\n" + report(measurements))


if __name__ == "__main__":
    main()
