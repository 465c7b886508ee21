"""Puts the local server under load for a minute, and pushes a new version on the way.

    python benchmarks/load.py                                  # a trained model of 37,000 items
    python benchmarks/load.py --model output/sample/pushed/1 --threads 8 --seconds 300

A server of its own process (`session-retrieval serve`) is called by threads of this one, each with
one request at a time. Prints requests per second, latency, failures, and the server's memory over
time. The exit status is 1 if a request failed, the new version did not take over, or memory grew by
more than 5 % in the second half of the time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.child_process import child_process  # noqa: E402
from modules.serving.latency import percentiles  # noqa: E402

PREDICT = "/v1/models/session-retrieval:predict"
MOST_GROWTH = 0.05
_ITEMS = 37_000
_BODIES = 200
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the server is here


class Load(NamedTuple):
    """What the threads saw: milliseconds and model version of each answer, and failures."""

    milliseconds: list[float]
    versions: list[str]
    failures: list[str]


def bodies(model: Path) -> list[bytes]:
    """Makes requests of 1 to 20 items that the model knows."""
    lines = (model / "assets" / known_file(model)).read_bytes().splitlines()
    draw = np.random.default_rng(0)
    requests = []
    for _ in range(_BODIES):
        places = (len(lines) * draw.random(draw.integers(1, 21)) ** 3).astype(int)
        session = [lines[place].decode() for place in places]
        requests.append(json.dumps({"signature_name": "recommend", "inputs": [session]}).encode())
    return requests


def known_file(model: Path) -> str:
    """Names the asset with the item ids, of whatever name it was exported under."""
    (file,) = (model / "assets").iterdir()
    return file.name


def send(url: str, requests: Sequence[bytes], first: int, load: Load, end: threading.Event) -> None:
    """Sends requests one after the other until the end."""
    number = first
    while not end.is_set():
        began = time.perf_counter()
        try:
            with _OPENER.open(url, requests[number % len(requests)], 30) as response:
                answer = json.load(response)
                load.versions.append(response.headers["X-Model-Version"])
            if not answer["outputs"]["item_ids"][0]:
                raise ValueError("no items")
            load.milliseconds.append(1e3 * (time.perf_counter() - began))
        except Exception as error:
            load.failures.append(repr(error))
        number += 1


def resident_mb(process: int) -> float:
    """Returns the memory of a process, MB (Linux)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1e3
    raise ValueError(f"process {process} reports no VmRSS")


def growth(memory: Sequence[float]) -> float:
    """Returns by which share the last third is above the middle one."""
    third = max(1, len(memory) // 3)
    return float(np.median(memory[-third:]) / np.median(memory[third : 2 * third]) - 1)


def run(url: str, process: int, model: Path, pushed: Path, options: argparse.Namespace) -> int:
    """Loads the server, pushes version 2 after a third of the time, and prints what came of it."""
    requests, load, end = bodies(model), Load([], [], []), threading.Event()
    threads = [
        threading.Thread(target=send, args=(url, requests, 37 * number, load, end))
        for number in range(options.threads)
    ]
    began, memory, pushed_yet = time.monotonic(), [], False
    for thread in threads:
        thread.start()
    while (passed := time.monotonic() - began) < options.seconds:
        time.sleep(min(1.0, options.seconds / 60))
        if not pushed_yet and passed > options.seconds / 3:
            shutil.copytree(model, pushed / "2")
            pushed_yet = True
        memory.append((passed, resident_mb(process)))
    end.set()
    for thread in threads:
        thread.join()
    grown = growth([mb for at, mb in memory if at > options.seconds / 2])
    p50, p99 = percentiles(load.milliseconds).values()
    print(f"threads                {options.threads}")
    print(f"requests per second    {len(load.milliseconds) / options.seconds:.0f}")
    print(f"p50, p99               {p50:.1f}, {p99:.1f} ms")
    print(f"failed                 {len(load.failures)} of {len(load.versions)}")
    counts = ", ".join(f"{v}: {load.versions.count(v)}" for v in sorted(set(load.versions)))
    print(f"answers by version     {counts}")
    shown = memory[:: max(1, len(memory) // 10)]
    print(f"memory, MB             {', '.join(f'{mb:.0f}' for _, mb in shown)}")
    print(f"growth, second half    {100 * grown:+.1f} %")
    for failure in load.failures[:5]:
        print(f"  {failure}")
    is_swapped = set(load.versions) == {"1", "2"}
    return int(bool(load.failures) or grown > MOST_GROWTH or not is_swapped)


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts the server and runs the load; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="folder of a SavedModel")
    parser.add_argument("--cache", type=Path, default=Path("output/benchmarks"))
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args(arguments)
    model = options.model or _learned_model(options.cache)
    with tempfile.TemporaryDirectory() as out:
        pushed = Path(out) / "pushed"
        shutil.copytree(model, pushed / "1")
        command = [sys.executable, "-m", "pipeline.cli", "serve", "--out", out, "--port", "0"]
        with child_process(command, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            address = [server.stdout.readline() for _ in range(2)][1].split()[1]
            return run(address + PREDICT, server.pid, model, pushed, options)


def _learned_model(cache: Path) -> Path:
    sys.path.insert(0, str(PROJECT))
    import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
    from benchmarks.learned_model import learned_model

    return learned_model(_ITEMS, cache).folder


if __name__ == "__main__":
    sys.exit(main())
