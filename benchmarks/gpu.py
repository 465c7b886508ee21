#!/usr/bin/env python3
"""Checks that GPUs train as the CPU does, by cuDNN, and measures how fast; no GPU has run it yet.

    python benchmarks/gpu.py                 # under 8 minutes, with one GPU or several
    python benchmarks/gpu.py --preset retailrocket --file train.tsv   # a whole fit of this file
    python benchmarks/gpu.py --rehearse      # on a machine without a GPU

Nothing is downloaded: sessions are made up. Each measurement has a process of its own, so that one
that crashes leaves the others alone.

* Five trainings by the code that the Trainer runs, at 37,000 items: each precision with sampled
  negatives, two with the full softmax. Their second epoch is measured and their third profiled. The
  profile must have cuDNN's ops for the GRU and its gradients, and their kernels on the GPU.
* One step in each precision, compared with float32 on the CPU: query vectors, loss, gradients.
* With several GPUs, training on one and on all of them, on the same global batches.
* A whole fit, with model selection, on CPU and GPU (and on all GPUs): Recall@20 and MRR@20 of split
  eval may differ by as much as between random seeds.

Prints one table. The exit status is 0 if everything holds, 1 if anything does not, 3 without a GPU.
The rehearsal does the same with small sizes on the CPU alone; what only a GPU can show fails there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common.child_process import child_process
from benchmarks.gpu_check.table import CHECKS, Row, all_rows, at_most, device_name, table
from modules.messages.exit_status import describe_exit

FAILED, NO_GPU = 1, 3
"""Exit statuses; 2 is that of wrong arguments."""
_SMALL = {"sessions": 400, "items": 300, "fit_sessions": 600, "minutes": 60.0}
_LINES_OF_ERROR = 15


class MeasurementError(Exception):
    """A measurement ended without a result; the message says how."""


def plan(gpus: int, only: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yields each measurement, and the number of GPUs that it uses.

    Args:
      gpus: number of GPUs; 0 in a rehearsal.
      only: names of `CHECKS`.
    """
    for name in only:
        if name == "fit":
            yield from ((name, number) for number in sorted({0, min(gpus, 1), gpus}))
        elif name != "replicas":
            yield name, min(gpus, 1)
        elif gpus != 1:
            yield name, gpus


# Processes ----------------------------------------------------------------------------------------


def measure(name: str, gpus: int, options: argparse.Namespace, seconds: float) -> tuple[Any, str]:
    """Makes a measurement in a process of its own.

    Returns:
      What it found, and what TensorFlow logged.

    Raises:
      MeasurementError: it failed, or took too long.
    """
    given = {
        "--measure": name,
        "--gpus": gpus,
        "--sessions": options.sessions,
        "--items": options.items,
        "--fit-sessions": options.fit_sessions,
        "--preset": options.preset,
    }
    command = [sys.executable, __file__, *(f"{key}={value}" for key, value in given.items())]
    command += [f"--file={options.file}"] if options.file else []
    command += [f"--set={value}" for value in options.set]
    seconds = max(seconds, 1.0)
    pipe, environment = subprocess.PIPE, {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0"}
    with child_process(command, stdout=pipe, stderr=pipe, env=environment) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise MeasurementError(f"it was stopped after {seconds:.0f} s") from None
    if process.returncode:
        lines = errors.splitlines()[-_LINES_OF_ERROR:]
        raise MeasurementError("\n".join([f"it {describe_exit(process.returncode)}", *lines]))
    return json.loads(output.splitlines()[-1]), errors


def measure_all(
    gpus: int, options: argparse.Namespace, deadline: float
) -> dict[tuple[str, int], Any]:
    """Makes all measurements, one after the other; reports on each to standard error."""
    measured: dict[tuple[str, int], Any] = {}
    for name, number in plan(gpus, options.only):
        began = time.monotonic()
        try:
            measured[name, number], _ = measure(name, number, options, deadline - began)
            say(f"{name}, {device_name(number)}: {time.monotonic() - began:.0f} s")
            for row in all_rows({(name, number): measured[name, number]}):
                say("    " + "  ".join(row.cells).rstrip())
        except MeasurementError as error:
            measured[name, number] = str(error).splitlines()[0]
            say(f"{name}, {device_name(number)}: {error}")
    return measured


def say(text: str) -> None:
    """Prints a line of progress."""
    print(text, file=sys.stderr, flush=True)


def library_folders(packages: Path) -> list[str]:
    """Returns the folders of NVIDIA's libraries that wheels have brought.

    Args:
      packages: folder of the installed packages.
    """
    return sorted(map(str, packages.glob("nvidia/*/lib")))


def find_gpus(options: argparse.Namespace) -> tuple[int, list[Row]]:
    """Looks for GPUs, and reports on them to standard error.

    TensorFlow 2.16.1 did not find the libraries of its own wheels (tensorflow/tensorflow#63362).
    Where that is so, the path of libraries is set for all that follows, and a row fails.

    Returns:
      Number of GPUs, and the row about libraries.
    """
    gpus, logged = measure("gpus", 0, options, 60 * options.minutes)
    folders = library_folders(Path(sysconfig.get_paths()["purelib"]))
    by_itself = bool(gpus) or not folders
    if not by_itself:
        given = os.environ.get("LD_LIBRARY_PATH", "")
        os.environ["LD_LIBRARY_PATH"] = os.pathsep.join([*folders, *filter(None, [given])])
        gpus, logged = measure("gpus", 0, options, 60 * options.minutes)
        if gpus:
            say(f"TensorFlow needs LD_LIBRARY_PATH={os.environ['LD_LIBRARY_PATH']}")
    for gpu in gpus:
        say(f"GPU: {gpu['name']}, compute capability {gpu['capability']}")
    if not gpus:
        say(no_gpu(logged))
    found = "yes" if by_itself else "with LD_LIBRARY_PATH"
    return len(gpus), [Row("all", "NVIDIA's libraries are found", found, "yes", by_itself)]


def no_gpu(logged: str) -> str:
    """Returns the message that there is no GPU, with what TensorFlow logged about that."""
    reasons = [line for line in logged.splitlines() if "dlopen" in line or "cuda driver" in line]
    return "\n".join(
        [
            "No GPU: TensorFlow finds none on this machine, and nothing was checked. It needs",
            "NVIDIA's driver and the libraries that docs/gpu.md lists; `--rehearse` uses the CPU.",
            *reasons,
        ]
    )


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--preset", default="sample", help="whose options the whole fit uses")
    parser.add_argument("--file", type=Path, help="TSV of the whole fit; made-up sessions if none")
    parser.add_argument(
        "--set", action="append", default=[], help="SECTION.OPTION=VALUE of the fit"
    )
    parser.add_argument("--sessions", type=int, default=60_000, help="of the trainings")
    parser.add_argument("--items", type=int, default=37_000, help="of the trainings")
    parser.add_argument(
        "--fit-sessions", type=int, default=20_000, help="made up for the whole fit"
    )
    parser.add_argument("--minutes", type=float, default=8.0, help="after which it stops and fails")
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=CHECKS)
    parser.add_argument("--rehearse", action="store_true", help="small sizes, on the CPU alone")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--gpus", type=int, default=0, help=argparse.SUPPRESS)
    if "--rehearse" in (sys.argv[1:] if arguments is None else arguments):
        parser.set_defaults(**_SMALL, set=["trainer.max_epochs=2"])
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks everything; returns the exit status."""
    began, options = time.monotonic(), read_arguments(arguments)
    if options.measure:
        print(json.dumps(_measurement(options)))
        return 0
    deadline = began + 60 * options.minutes
    gpus, rows = 0, list[Row]()
    if not options.rehearse:
        try:
            gpus, rows = find_gpus(options)
        except MeasurementError as error:
            say(f"looking for GPUs: {error}")
            return FAILED
        if not gpus:
            return NO_GPU
    rows += all_rows(measure_all(gpus, options, deadline))
    took = time.monotonic() - began
    rows.append(at_most("all", "minutes", took / 60, options.minutes))
    print("\n".join(table(rows)))
    failed = sum(row.passed is False for row in rows)
    print(f"\n{failed} of {sum(row.passed is not None for row in rows)} limits missed.")
    return FAILED if failed else 0


def _measurement(options: argparse.Namespace) -> Any:
    """Makes one measurement in this process, the one with TensorFlow."""
    from benchmarks.gpu_check import checks

    sizes = {"sessions": options.sessions, "items": options.items}
    fitted = checks.Fit(options.preset, options.file, options.fit_sessions, tuple(options.set))
    return checks.check(options.measure, sizes, fitted, options.gpus)


if __name__ == "__main__":
    sys.exit(main())
