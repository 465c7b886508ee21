"""`session-retrieval serve`: the released models behind pages, a REST API and gRPC services.

A model that is pushed later takes over without a restart.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from modules.config.options.releases import STABLE
from modules.messages.quoting import quote
from pipeline.cli.exit_statuses import ExitStatus
from pipeline.cli.failures import describe
from pipeline.cli.options import (
    FILE,
    FOLDER,
    TEXT,
    Value,
    check_one,
    example,
    find_models,
    model_option,
    number,
    out_option,
)
from pipeline.cli.quiet import quieten
from serving.pushed_models import NoModelError, check_loadable
from serving.server.batching import Capacity
from serving.server.limits import Limits
from serving.server.place import Place
from serving.server.predictor import Settings
from serving.server.request_log import LogOptions

_LAST_PORT = 65_535
_DAY = 86_400
_SWITCH_SECONDS = 0.001
_MOST_BYTES = 2**31 - 1  # gRPC's own limit


def _host(text: str) -> str:
    """Returns a host that this machine can listen on."""
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
_SHARE = number(0, 1, "a share from 0 to 1", kind=float)


_NO_PORT = "none"
_GRPC_PORT = Value(
    "port", lambda text: text if text == _NO_PORT else _PORT.convert(text, None, None)
)


@click.command(**example("serve --port 8501 --canary-share .2 --log requests/"))
@click.option("--host", type=Value("host", _host), default="localhost", help="address to listen on")
@click.option("--port", type=_PORT, default=8501, help="port of the REST API; 0 for a free one")
@click.option(
    "--grpc-port",
    type=_GRPC_PORT,
    help="port of gRPC; 0 for a free one, none for no gRPC  [default: one below --port]",
)
@click.option("--look", type=_SECONDS, default=2.0, help="seconds between checks for a new model")
@click.option(
    "--canary-share", type=_SHARE, default=0.0, help="share of the sessions for the canary"
)
@click.option("--log", type=FOLDER, help="folder of the request log  [default: no log]")
@click.option("--log-share", type=_SHARE, default=1.0, help="share of the sessions that is logged")
@click.option("--log-hours", type=_AT_LEAST_ONE, help="hours of the log to keep  [default: all]")
@click.option("--max-rows", type=_AT_LEAST_ONE, default=Limits.rows, help="most rows of a request")
@click.option(
    "--max-answers",
    type=_AT_LEAST_ONE,
    default=Limits.answers,
    help="most rows times k of a request",
)
@click.option(
    "--max-bytes",
    type=number(1, _MOST_BYTES, f"a whole number from 1 to {_MOST_BYTES}"),
    default=Limits.bytes,
    help="most bytes of a request",
)
@click.option(
    "--max-waiting",
    type=_AT_LEAST_ONE,
    default=Capacity.waiting,
    help="most requests that wait; others get 503",
)
@click.option(
    "--deadline", type=_SECONDS, default=Capacity.seconds, help="seconds to answer a request"
)
@click.option(
    "--allow-host",
    "hosts",
    type=TEXT,
    multiple=True,
    help="name under which clients reach this server; repeatable, * for any",
)
@click.option("--token-file", type=FILE, help="file with a token that clients must send")
@model_option
@out_option
def command(
    host: str,
    port: int,
    grpc_port: Any,
    look: float,
    model: Path | None,
    out: Path | None,
    **options: Any,
) -> int:
    """Serve the released models: pages, a REST API and gRPC."""
    check_one(model=model, out=out)
    quieten()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    # A shell lets what it starts in the background ignore SIGINT, and Python leaves that so.
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, signal.default_int_handler)
    # The thread that calls the model waits less for the one that reads requests.
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        place = place_of(host, port, grpc_port, options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return ExitStatus.MISCONFIGURED
    try:
        return serve(model, out, place, look, options)
    except KeyboardInterrupt:
        sys.stdout.flush()
        sys.stderr.flush()
        # A thread inside TensorFlow would abort the interpreter while it shuts down.
        os._exit(0)


def place_of(host: str, port: int, grpc_port: Any, options: Mapping[str, Any]) -> Place:
    """Returns where the server listens, for the values of the command's options.

    Raises:
      ValueError: the token cannot be read, or is empty.
    """
    token = None
    if file := options["token_file"]:
        try:
            token = file.read_text("utf-8").strip()
        except OSError as error:
            raise ValueError(f"--token-file: {describe(error) or error}") from error
        if not token:
            raise ValueError(f"--token-file: {file} contains no token.")
    default = port - 1 if port > 1 else 0
    services = {None: default, _NO_PORT: None}.get(grpc_port, grpc_port)
    return Place(host, port, services, options["hosts"], token)


def settings_of(options: Mapping[str, Any]) -> Settings:
    """Returns how the server answers, for the values of the command's options."""
    log = options["log"] and LogOptions(options["log"], options["log_share"], options["log_hours"])
    return Settings(
        Limits(options["max_bytes"], options["max_rows"], options["max_answers"]),
        Capacity(waiting=options["max_waiting"], seconds=options["deadline"]),
        options["canary_share"],
        log,
    )


def serve(
    model: Path | None, out: Path | None, place: Place, look: float, options: Mapping[str, Any]
) -> int:
    """Serves until a KeyboardInterrupt; returns the exit status if it cannot."""
    try:
        found = find_models(model, out)
        check_loadable(found[STABLE])  # before TensorFlow is loaded, which takes seconds
        from pipeline.history.status import pages_of
        from serving.server import run
        from serving.server.model_store import ModelStore

        run.check_ports(place)
        store = ModelStore(lambda: find_models(model, out))
        pages = pages_of(None if model else found[STABLE].parents[1])
        server = run.start(store, place, settings_of(options), pages)
    except (NoModelError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    store.watch(look)
    for label, served in store.served.models.items():
        print(f"Model: {served.folder}" + ("" if label == STABLE else f" ({label})"))
    host = f"[{place.host}]" if ":" in place.host else place.host
    services = f"; gRPC: {host}:{server.grpc_port}" if server.grpc_port is not None else ""
    print(f"Open http://{host}:{server.server_port} (Ctrl+C to stop){services}", flush=True)
    try:
        server.wait()
    finally:
        store.stop()
        server.shutdown()
        store.close()
    print("The server has ended by itself; its log says why.", file=sys.stderr)
    return 1
