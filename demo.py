"""Serve the newest pushed model on this machine: a page to try it on, and the predict REST API.

    python demo.py          # then open http://localhost:8501

A model that is pushed later takes over without a restart.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

from pipeline.config import PROJECT
from pipeline.folders import local_folder
from pipeline.recommender import NoModelError, newest_model
from serving.limits import Limits

_LIMITS = {
    "rows": "most rows of one request",
    "answers": "most rows times k of one request",
    "bytes": "most bytes of one request",
}


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default="localhost", help="address to listen on (localhost)")
    parser.add_argument("--port", type=int, default=8501, help="8501; 0 takes a free one")
    parser.add_argument("--look", type=float, default=2.0, help="seconds between looks for a push")
    for name, what in _LIMITS.items():
        default = getattr(Limits, name)
        parser.add_argument(f"--max-{name}", type=int, default=default, help=f"{what} ({default})")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--model", type=local_folder, help="folder of a SavedModel")
    place.add_argument("--out", type=local_folder, help="the run's OUT folder (default: output/*)")
    options = parser.parse_args(arguments)
    for name in _LIMITS:
        if getattr(options, f"max_{name}") < 1:
            parser.error(f"--max-{name} must be at least 1, got {getattr(options, f'max_{name}')}")
    return options


def _find_model(options: argparse.Namespace) -> Path:
    if options.model:
        return Path(options.model)
    outs = [options.out] if options.out else sorted((PROJECT / "output").glob("*"))
    return newest_model(out / "pushed" for out in outs)


def serve(options: argparse.Namespace) -> int:
    """Serves until a KeyboardInterrupt; returns the exit status where it cannot."""
    from serving import app
    from serving.model_store import ModelStore

    limits = Limits(options.max_bytes, options.max_rows, options.max_answers)
    try:
        store = ModelStore(lambda: _find_model(options))
        server = app.start(store, options.host, options.port, limits)
    except (NoModelError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    store.watch(options.look)
    print(f"Model: {store.current.folder}")
    print(f"Open http://{options.host}:{server.server_port} (Ctrl+C ends)", flush=True)
    try:
        while True:
            threading.Event().wait()
    finally:
        store.close()
        server.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until SIGINT or SIGTERM; returns the exit status."""
    options = parse_arguments(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # A shell lets what it starts in the background ignore SIGINT, and Python leaves that so.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        return serve(options)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A request's thread that is inside TensorFlow aborts an interpreter which is taken down.
    os._exit(status)
