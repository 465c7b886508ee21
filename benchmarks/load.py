"""Puts the server under load: how fast, how even, and what happens to it when things go wrong.

    python benchmarks/load.py                                  # a trained model of 37,000 items
    python benchmarks/load.py --model output/sample/pushed/1 --seconds 20 --rounds 3
    python benchmarks/load.py --before ../before               # a checkout to compare with
    python benchmarks/load.py --only trouble --seconds 300

A server of its own process (`session-retrieval serve`) is called over 1, 8, 32 and 128 connections,
each with one request at a time, in turns with the server of another checkout if one is named. Then
it is loaded for some minutes, while a new version is pushed, a damaged version is pushed, its
request log meets a full disk (a limit of its files' size), clients break off, and others send a
byte now and then. Prints requests per second, latencies, statuses, failures, and the server's
memory and CPU time. The exit status is 1 if a request failed (503 is no failure: the server is
full), the new version did not take over, or memory grew by more than 5 % between the middle and the
last third of the second half.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.child_process import child_process, output_of  # noqa: E402
from modules.serving.latency import percentiles  # noqa: E402

PREDICT = "/v1/models/session-retrieval:predict"
CONNECTIONS = (1, 8, 32, 128)
MOST_GROWTH = 0.05
_ITEMS = 37_000
_BODIES = 200
_SLOW_CLIENTS = 50
_LOG_BLOCKS = 2_048  # of 512 bytes: a file that is larger cannot be written
_WARM_SECONDS = 2.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the server is here
_TICKS = os.sysconf("SC_CLK_TCK")


class Server(NamedTuple):
    """A running server."""

    url: str
    process: int


def bodies(model: Path) -> list[str]:
    """Makes requests of 1 to 20 items that the model knows, more often the popular ones."""
    lines = known_file(model).read_bytes().splitlines()
    draw = np.random.default_rng(0)
    requests = []
    for _ in range(_BODIES):
        places = (len(lines) * draw.random(draw.integers(1, 21)) ** 3).astype(int)
        session = [lines[place].decode() for place in places]
        requests.append(json.dumps({"signature_name": "recommend", "inputs": [session]}))
    return requests


def known_file(model: Path) -> Path:
    """Returns the asset with the item ids, of whatever name it was exported under."""
    (file,) = (model / "assets").iterdir()
    return file


@contextlib.contextmanager
def serving(out: Path, checkout: Path, *options: str, disk: int | None = None) -> Iterator[Server]:
    """Starts the server of a checkout on an output folder; `disk` blocks are what it can write."""
    limit = ["sh", "-c", f'ulimit -f {disk}; exec "$@"', "sh"] if disk else []
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--out", str(out), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONUNBUFFERED": "1"}
    with child_process(
        [*limit, *command, *options], stdout=subprocess.PIPE, cwd=checkout, env=environment
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        address = next(line for line in lines if line.startswith("Open ")).split()[1]
        yield Server(address, process.pid)


def load_command(server: Server, file: Path, connections: int, seconds: float) -> list[str]:
    """Returns the command of a program that sends requests; its result is `found.json` beside."""
    script = str(Path(__file__).with_name("http_load.py"))
    result = str(file.with_name("found.json"))
    words = (server.url + PREDICT, str(file), result, str(connections), str(seconds))
    return [sys.executable, script, *words]


def load(server: Server, file: Path, connections: int, seconds: float) -> dict[str, Any]:
    """Sends requests by a process of its own, see `http_load.py`."""
    output_of(load_command(server, file, connections, seconds), "the load")
    return _found(file)


def _found(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.with_name("found.json").read_text())
    return found


def resident_mb(process: int) -> float:
    """Returns the memory of a process, MB (Linux)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1e3
    raise ValueError(f"process {process} reports no VmRSS")


def cpu_seconds(process: int) -> float:
    """Returns the CPU time of a process so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def growth(memory: Sequence[float]) -> float:
    """Returns by which share the last third is above the middle one."""
    third = max(1, len(memory) // 3)
    return float(np.median(memory[-third:]) / np.median(memory[third : 2 * third]) - 1)


def compare(servers: dict[str, Server], file: Path, rounds: int, seconds: float) -> int:
    """Loads servers in turns and prints medians over rounds; returns the number of failures."""
    failures = 0
    print("connections  server   requests/s  p50 ms  p99 ms  CPU ms/request  503s  failed")
    for connections in CONNECTIONS:
        rows: dict[str, list[list[float]]] = {name: [] for name in servers}
        others: dict[str, Counter[str]] = {name: Counter() for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                before = cpu_seconds(server.process)
                found = load(server, file, connections, seconds)
                spent, times = cpu_seconds(server.process) - before, found["milliseconds"]
                cost = 1e3 * spent / max(1, len(times))
                rows[name].append([len(times) / seconds, *percentiles(times).values(), cost])
                others[name].update({"503": found["statuses"].get("503", 0)})
                others[name].update({"failed": len(found["failures"])})
        for name in servers:
            rate, p50, p99, cost = np.median(np.array(rows[name]), axis=0)
            refused, failed = others[name]["503"], others[name]["failed"]
            failures += failed if name == "now" else 0
            print(
                f"{connections:11}  {name:7}  {rate:10.0f}  {p50:6.1f}  {p99:6.1f}  {cost:14.2f}"
                f"  {refused:4}  {failed:6}",
                flush=True,
            )
    return failures


def break_off(url: str, end: threading.Event) -> None:
    """Sends requests and does not wait for their answers."""
    parts = urlsplit(url)
    body = b'{"signature_name": "recommend", "inputs": [["0"]]}'
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    while not end.wait(0.02):
        with contextlib.suppress(OSError), socket.create_connection(_address(url)) as connection:
            connection.sendall(head.encode() + body)


def send_slowly(url: str, end: threading.Event) -> None:
    """Keeps connections open that send a byte of a header every second (slowloris)."""
    connections: list[socket.socket] = []
    while not end.wait(1.0):
        with contextlib.suppress(OSError):
            while len(connections) < _SLOW_CLIENTS:
                connections.append(socket.create_connection(_address(url), timeout=1))
                connections[-1].sendall(b"POST / HTTP/1.1\r\nX: ")
        for connection in list(connections):
            try:
                connection.sendall(b"a")
            except OSError:
                connections.remove(connection)
    for connection in connections:
        connection.close()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "localhost", parts.port or 80


def trouble(server: Server, file: Path, model: Path, pushed: Path, seconds: float) -> int:
    """Loads a server while things go wrong, and prints what came of it; returns the exit status."""
    end, memory = threading.Event(), []
    actions: list[tuple[float, str, Callable[[], object]]] = [
        (0.2, "a new version", lambda: shutil.copytree(model, pushed / "2")),
        (0.4, "a damaged version", lambda: _push_damaged(model, pushed / "3")),
    ]
    threads = [
        threading.Thread(target=target, args=(server.url, end))
        for target in (break_off, send_slowly)
    ]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    with child_process(load_command(server, file, 16, seconds)) as sender:
        while sender.poll() is None:
            time.sleep(min(1.0, seconds / 60))
            passed = time.monotonic() - began
            while actions and passed > actions[0][0] * seconds:
                actions.pop(0)[2]()
            memory.append((passed, resident_mb(server.process)))
    end.set()
    for thread in threads:
        thread.join()
    found = _found(file)
    times, failed = found["milliseconds"], found["failures"]
    grown = growth([mb for at, mb in memory if at > seconds / 2])
    p50, p99 = percentiles(times).values()
    print(f"requests per second    {len(times) / seconds:.0f}")
    print(f"p50, p99               {p50:.1f}, {p99:.1f} ms")
    print(f"statuses               {found['statuses']}")
    print(f"failed                 {len(failed)}")
    print(f"answers by version     {found['versions']}")
    shown = memory[:: max(1, len(memory) // 10)]
    print(f"memory, MB             {', '.join(f'{mb:.0f}' for _, mb in shown)}")
    print(f"growth, second half    {100 * grown:+.1f} %")
    for line in _metrics(server.url):
        print(f"  {line}")
    for failure in failed[:5]:
        print(f"  {failure}")
    is_swapped = set(found["versions"]) == {"1", "2"}
    return int(bool(failed) or grown > MOST_GROWTH or not is_swapped)


def _push_damaged(model: Path, version: Path) -> None:
    shutil.copytree(model, version)
    for data in (version / "variables").glob("*.data-*"):
        data.write_bytes(data.read_bytes()[:1_000])


def _metrics(url: str) -> list[str]:
    with _OPENER.open(f"{url}/metrics", timeout=30) as response:
        lines = response.read().decode().splitlines()
    wanted = ("session_retrieval_requests_total", "session_retrieval_request_log_rows_total")
    return [line for line in lines if line.startswith(wanted)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Starts the servers and runs the loads; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="folder of a SavedModel")
    parser.add_argument("--before", type=Path, help="checkout whose server is called in turns")
    parser.add_argument("--cache", type=Path, default=Path("output/benchmarks"))
    parser.add_argument("--only", choices=("speed", "trouble"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    options = parser.parse_args(arguments)
    model = (options.model or _learned_model(options.cache)).absolute()
    status = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        root = Path(folder)
        pushed, file = root / "out" / "pushed", root / "bodies.json"
        shutil.copytree(model, pushed / "1")
        file.write_text(json.dumps(bodies(model)))
        if options.only != "trouble":
            servers = {}
            if options.before:
                before = options.before.absolute()
                servers["before"] = stack.enter_context(serving(pushed.parent, before))
            servers["now"] = stack.enter_context(serving(pushed.parent, PROJECT))
            for server in servers.values():
                load(server, file, 8, _WARM_SECONDS)
            status |= int(bool(compare(servers, file, options.rounds, options.seconds)))
            stack.pop_all().close()
        if options.only != "speed":
            options_of_log = ("--look", "1", "--log", str(root / "log"))
            with serving(pushed.parent, PROJECT, *options_of_log, disk=_LOG_BLOCKS) as server:
                status |= trouble(server, file, model, pushed, options.seconds)
    return status


def _learned_model(cache: Path) -> Path:
    import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
    from benchmarks.common.learned_model import learned_model

    return learned_model(_ITEMS, cache).folder


if __name__ == "__main__":
    sys.exit(main())
