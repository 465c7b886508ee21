"""Serve the newest pushed model on this machine: a page to try it on, and the predict REST API.

    python demo.py          # then open http://localhost:8501

A model that is pushed later takes over without a restart.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

from modules.files.folders import local_folder
from modules.messages.quoting import quote
from pipeline.config import PROJECT
from serving.limits import Limits
from serving.pushed_models import NoModelError, newest_model

_LIMITS = {
    "rows": "most rows of one request",
    "answers": "most rows times k of one request",
    "bytes": "most bytes of one request",
}
_LAST_PORT = 65_535
_DAY = 86_400.0


def _host(text: str) -> str:
    """Returns a host that this machine can listen on; werkzeug would take any text, '' for all."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in text else socket.AF_INET) as listener:
            listener.bind((text, 0))
    except (OSError, TypeError, ValueError) as error:
        reason = f" ({error})"
    else:
        reason = ""
    if reason or not text:
        raise argparse.ArgumentTypeError(
            "must be a name or an address of this machine, such as localhost, or 0.0.0.0 for all "
            f"of its addresses, got {quote(text)}{reason}"
        )
    return text


def _port(text: str) -> int:
    with contextlib.suppress(ValueError):
        if 0 <= int(text) <= _LAST_PORT:
            return int(text)
    raise argparse.ArgumentTypeError(
        f"must be a whole number from 0 to {_LAST_PORT}, got {quote(text)}"
    )


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= _DAY:
            return float(text)
    raise argparse.ArgumentTypeError(
        f"must be a number of seconds above 0 and at most {_DAY:.0f}, got {quote(text)}"
    )


def _at_least_one(text: str) -> int:
    with contextlib.suppress(ValueError):
        if int(text) >= 1:
            return int(text)
    raise argparse.ArgumentTypeError(
        f"must be a whole number that is at least 1, got {quote(text)}"
    )


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--host", type=_host, default="localhost", help="address to listen on (localhost)"
    )
    parser.add_argument("--port", type=_port, default=8501, help="8501; 0 takes a free one")
    parser.add_argument(
        "--look", type=_seconds, default=2.0, help="seconds between looks for a push"
    )
    for name, what in _LIMITS.items():
        default = getattr(Limits, name)
        help_text = f"{what} ({default})"
        parser.add_argument(f"--max-{name}", type=_at_least_one, default=default, help=help_text)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--model", type=local_folder, help="folder of a SavedModel")
    place.add_argument("--out", type=local_folder, help="the run's OUT folder (default: output/*)")
    return parser.parse_args(arguments)


def _find_model(options: argparse.Namespace) -> Path:
    if options.model:
        return Path(options.model)
    outs = [options.out] if options.out else sorted((PROJECT / "output").glob("*"))
    return newest_model(out / "pushed" for out in outs)


def serve(options: argparse.Namespace) -> int:
    """Serves until a KeyboardInterrupt; returns the exit status where it cannot."""
    from serving import rest_server
    from serving.model_store import ModelStore

    limits = Limits(options.max_bytes, options.max_rows, options.max_answers)
    try:
        store = ModelStore(lambda: _find_model(options))
        server = rest_server.start(store, options.host, options.port, limits)
    except (NoModelError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    store.watch(options.look)
    print(f"Model: {store.current.folder}")
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(f"Open http://{host}:{server.server_port} (Ctrl+C ends)", flush=True)
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
