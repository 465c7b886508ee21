"""Measures the whole pipeline at several sizes: each node's CPU time, peak memory and their growth.

    python benchmarks/scale.py                              # 1, 3 and 10 million events, hours
    python benchmarks/scale.py --events 300000 1000000      # a quick look
    python benchmarks/scale.py --nodes Trainer ModelGate    # only these; the others run, too
    python benchmarks/scale.py --items 1000000 --set trainer.memory_limit_mb=0
    python benchmarks/scale.py --events 1000000 --nodes Transform --beam local-parallel

The events are made up: sessions of 3.6 events around an item, few items with most events. All
sizes have the same shop, as logs grow and shops hardly do. The last 5 % of sessions are evaluated,
and training takes two epochs, once to select and once to refit.

Every node runs in a process of its own; nodes before it come from TFX's cache. The operating system
tells the process's CPU time, without imports, and its peak memory, with the imports' 0.8 GiB; time
by the clock depends on what else runs on the machine. Of workers in other processes (`--beam`) the
CPU time has their imports, and the memory is that of the largest process. The last table has the
growth from the smallest size to the largest, per million events, and what it makes of 100 million
and of a billion: the smaller the sizes, the rougher.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.child_process import output_of  # noqa: E402
from modules.array_types import IntArray  # noqa: E402

SIZES = (1_000_000, 3_000_000, 10_000_000)
NODES = (
    "SessionExampleGen",
    "StatisticsGen",
    "ExampleValidator",
    "DataGate",
    "Transform",
    "Trainer",
    "BaselineEvaluator",
    "Evaluator",
    "ModelGate",
    "ServingValidator",
    "Report",
    "Pusher",
)
"""The nodes that read data or a model, in the pipeline's order."""
SETTINGS = ("trainer.max_epochs=2", "data.test_fraction=0.05")
_ITEMS = 100_000
_ESTIMATED = (100_000_000, 1_000_000_000)
_MILLION = 1_000_000

_FIRST_MS = 1_441_324_800_000
_DAY_MS = 86_400_000
_PAUSE_MS = 60_000


class Measurement(NamedTuple):
    """One node at one size; memory in MiB, `seconds` by the clock."""

    node: str
    events: int
    cpu_seconds: float
    peak_mib: float
    seconds: float


class Growth(NamedTuple):
    """What a node takes more per million events, and its largest measurement."""

    cpu_seconds: float
    mib: float
    largest: Measurement

    def at(self, events: int) -> tuple[float, float]:
        """Returns the CPU seconds and the peak memory, MiB, that it leads to."""
        more = (events - self.largest.events) / _MILLION
        seconds = self.largest.cpu_seconds + more * max(self.cpu_seconds, 0.0)
        return seconds, self.largest.peak_mib + more * max(self.mib, 0.0)


def made_up_events(events: int, items: int, seed: int = 0) -> dict[str, IntArray]:
    """Returns the columns of a log, in order of session start; its times are in ms.

    An item of rank r begins sessions with a density of r ** (-2 / 3); a session stays near it.
    """
    draw = np.random.default_rng(seed)
    lengths = 2 + np.minimum(draw.geometric(0.385, events // 2 + 1) - 1, 198)
    sessions = int(np.searchsorted(np.cumsum(lengths), events)) + 1
    offsets = np.cumsum(lengths[:sessions])
    session = np.repeat(np.arange(sessions), lengths[:sessions])[:events]
    place = np.arange(events) - (offsets - lengths[:sessions])[session]
    first = (draw.random(sessions) ** 3 * items).astype(np.int64)
    away = (draw.geometric(0.3, events) - 1) * draw.choice([-1, 1], events)
    starts = np.sort(_FIRST_MS + draw.integers(0, 28 * _DAY_MS, sessions))
    times = starts[session] + place * _PAUSE_MS + draw.integers(0, _PAUSE_MS, events)
    return {"SessionId": session, "ItemId": (first[session] + away) % items, "Time": times}


def write_log(path: Path, events: int, items: int) -> None:
    """Writes made-up events as TSV."""
    columns = made_up_events(events, items)
    with path.open("w", encoding="utf-8") as file:
        file.write("\t".join(columns) + "\n")
        for start in range(0, events, _MILLION):
            part = [column[start : start + _MILLION].tolist() for column in columns.values()]
            rows = zip(*part, strict=True)
            file.writelines(f"{session}\t{item}\t{time}\n" for session, item, time in rows)


def measure(node: str, events: int, folder: Path, settings: Sequence[str]) -> Measurement:
    """Runs the pipeline up to `node` in a process of its own and returns what that took."""
    from pipeline.run.launch import runner_environment

    command = [sys.executable, __file__, "--events", str(events), "--node", node]
    command += ["--folder", str(folder), "--set", *settings]
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= runner_environment(environment)
    # TFX finds `pip` on PATH.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    output = output_of(command, f"{node} on {events} events", env=environment)
    return Measurement(**json.loads(output.splitlines()[-1]))


def run_node(node: str, events: int, folder: Path, settings: Sequence[str]) -> Measurement:
    """Runs the pipeline up to `node` in this process."""
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.pipeline import RunOptions

    from pipeline.config import load_config
    from pipeline.data_files import DataPaths
    from pipeline.paths import Paths
    from pipeline.pipeline import create_pipeline

    logging.disable(logging.WARNING)
    data = DataPaths(train=str(folder / f"{events}.tsv"))
    config = load_config("custom", [*SETTINGS, *settings], data)
    pipeline = create_pipeline(config, Paths.under(folder / str(events)))
    before, began = _cpu_seconds(), time.monotonic()
    with contextlib.redirect_stdout(sys.stderr):
        LocalDagRunner().run(pipeline, run_options=RunOptions(to_nodes=[node]))
    cpu, seconds = _cpu_seconds() - before, time.monotonic() - began
    # Not their sum: a child process begins as a copy of this one.
    peak = max(usage.ru_maxrss for usage in _usage()) / 2**10
    return Measurement(node, events, round(cpu, 2), round(peak, 1), round(seconds, 2))


def _usage() -> list[resource.struct_rusage]:
    """Returns what this process and its finished children used; of these, the largest's memory."""
    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def _cpu_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in _usage())


def growth(measurements: Sequence[Measurement]) -> Growth | None:
    """Returns the growth from a node's smallest size to its largest; None with a single size."""
    ordered = sorted(measurements, key=lambda measured: measured.events)
    first, last = ordered[0], ordered[-1]
    millions = (last.events - first.events) / _MILLION
    if not millions:
        return None
    seconds = (last.cpu_seconds - first.cpu_seconds) / millions
    return Growth(seconds, (last.peak_mib - first.peak_mib) / millions, last)


def report(measurements: Sequence[Measurement]) -> str:
    """Formats a table of what was measured, and one of growth if there are several sizes."""
    sizes = sorted({measured.events for measured in measurements})
    lines = ["| node | " + " | ".join(f"{_short(size)}: CPU s, s, MiB" for size in sizes) + " |"]
    lines.append("|---" * (1 + len(sizes)) + "|")
    grown = ["", "| node | CPU s per million | MiB per million | "]
    grown[1] += " | ".join(f"at {_short(size)}: CPU h, GiB" for size in _ESTIMATED) + " |"
    grown.append("|---" * (3 + len(_ESTIMATED)) + "|")
    for node in NODES:
        own = {measured.events: measured for measured in measurements if measured.node == node}
        if not own:
            continue
        cells = [
            f"{found.cpu_seconds:.1f}, {found.seconds:.1f}, {found.peak_mib:,.0f}"
            for found in map(own.get, sizes)
            if found
        ]
        lines.append(f"| {node} | " + " | ".join(cells) + " |")
        if slope := growth([*own.values()]):
            estimates = [slope.at(size) for size in _ESTIMATED]
            cells = [f"{slope.cpu_seconds:.2f}", f"{slope.mib:.1f}"]
            cells += [f"{seconds / 3600:.2f}, {mib / 1024:.1f}" for seconds, mib in estimates]
            grown.append(f"| {node} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, *(grown if len(sizes) > 1 else [])])


def _short(events: int) -> str:
    for unit, name in ((1_000_000_000, "G"), (_MILLION, "M"), (1_000, "k")):
        if events >= unit:
            return f"{events / unit:g}{name}"
    return str(events)


def main() -> None:
    """Measures all nodes at all sizes, or, with --node, one node in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, nargs="+", default=SIZES)
    parser.add_argument("--items", type=int, default=_ITEMS, help="items of the shop")
    parser.add_argument("--folder", type=Path, help="where files go; default: a temporary folder")
    parser.add_argument("--set", nargs="*", default=(), metavar="SECTION.OPTION=VALUE")
    parser.add_argument("--beam", default="direct", help="Beam preset, or path of one")
    parser.add_argument("--nodes", nargs="+", choices=NODES, default=NODES)
    parser.add_argument("--node", choices=NODES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.node:
        folder = arguments.folder
        found = run_node(arguments.node, arguments.events[0], folder, arguments.set)
        print(json.dumps(found._asdict()))
        return
    settings = [*_beam_settings(arguments.beam), *arguments.set]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        measurements: list[Measurement] = []
        for events in arguments.events:
            write_log(folder / f"{events}.tsv", events, arguments.items)
            for node in [each for each in NODES if each in arguments.nodes]:
                found = measure(node, events, folder, settings)
                measurements.append(found)
                print(_line(found), flush=True)
    print("\n" + report(measurements))


def _beam_settings(name: str) -> list[str]:
    """Returns the overrides of a Beam preset."""
    from pipeline.beam.preset_files import load_beam_preset
    from pipeline.beam.prism import with_prism

    preset = load_beam_preset(name)
    return dataclasses.replace(preset, flags=with_prism(preset.flags)).overrides()


def _line(found: Measurement) -> str:
    measured = (
        f"{found.cpu_seconds:>10.1f} CPU s{found.seconds:>10.1f} s{found.peak_mib:>10,.0f} MiB"
    )
    return f"{found.node:<18}{found.events:>14,} events{measured}"


if __name__ == "__main__":
    main()
