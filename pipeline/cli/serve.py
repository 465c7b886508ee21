"""`session-retrieval serve`: the newest pushed model behind a page and the predict REST API.

A model that is pushed later takes over without a restart.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import click

from modules.messages.quoting import quote
from pipeline.cli.options import (
    Value,
    check_one,
    example,
    find_model,
    model_option,
    number,
    out_option,
    quieten,
)
from serving.limits import Limits
from serving.pushed_models import NoModelError, check_loadable

_LAST_PORT = 65_535
_DAY = 86_400


def _host(text: str) -> str:
    """Returns a host that this machine can listen on; werkzeug would accept any text."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in text else socket.AF_INET) as listener:
            listener.bind((text, 0))
    except (OSError, TypeError, ValueError) as error:
        reason = f" ({error})"
    else:
        reason = ""
    if reason or not text:
        raise ValueError(
            "must be a name or an address of this machine, such as localhost, or 0.0.0.0 for all "
            f"of its addresses, got {quote(text)}{reason}"
        )
    return text


_PORT = number(0, _LAST_PORT, f"a whole number from 0 to {_LAST_PORT}")
_SECONDS = number(math.ulp(0), _DAY, f"a number of seconds above 0 and at most {_DAY}", kind=float)
_AT_LEAST_ONE = number(1, math.inf, "a whole number that is at least 1")


@click.command(**example("serve --port 8501"))
@click.option("--host", type=Value("host", _host), default="localhost", help="address to listen on")
@click.option("--port", type=_PORT, default=8501, help="port to listen on; 0 for a free one")
@click.option("--look", type=_SECONDS, default=2.0, help="seconds between checks for a new model")
@click.option("--max-rows", type=_AT_LEAST_ONE, default=Limits.rows, help="most rows of a request")
@click.option(
    "--max-answers",
    type=_AT_LEAST_ONE,
    default=Limits.answers,
    help="most rows times k of a request",
)
@click.option(
    "--max-bytes", type=_AT_LEAST_ONE, default=Limits.bytes, help="most bytes of a request"
)
@model_option
@out_option
def command(
    host: str,
    port: int,
    look: float,
    max_rows: int,
    max_answers: int,
    max_bytes: int,
    model: Path | None,
    out: Path | None,
) -> int:
    """Serve the newest pushed model: a page and a REST API."""
    check_one(model=model, out=out)
    quieten()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # A shell lets what it starts in the background ignore SIGINT, and Python leaves that so.
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, signal.default_int_handler)
    limits = Limits(max_bytes, max_rows, max_answers)
    try:
        return serve(model, out, host, port, look, limits)
    except KeyboardInterrupt:
        sys.stdout.flush()
        sys.stderr.flush()
        # A thread inside TensorFlow would abort the interpreter while it shuts down.
        os._exit(0)


def serve(
    model: Path | None, out: Path | None, host: str, port: int, look: float, limits: Limits
) -> int:
    """Serves until a KeyboardInterrupt; returns the exit status if it cannot."""
    try:
        check_loadable(find_model(model, out))  # before TensorFlow is loaded, which takes seconds
        from serving import rest_server
        from serving.model_store import ModelStore

        store = ModelStore(lambda: find_model(model, out))
        server = rest_server.start(store, host, port, limits)
    except (NoModelError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    store.watch(look)
    print(f"Model: {store.current.folder}")
    shown = f"[{host}]" if ":" in host else host
    print(f"Open http://{shown}:{server.server_port} (Ctrl+C to stop)", flush=True)
    try:
        while True:
            threading.Event().wait()
    finally:
        store.close()
        server.shutdown()
