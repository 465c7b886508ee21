"""Runs the server: HTTP by uvicorn, and gRPC, in one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from concurrent.futures import Future

import grpc
import uvicorn
import uvloop

from modules.messages.quoting import quote
from serving.server.access import Access
from serving.server.grpc_services import Services
from serving.server.http.connections import connection_class
from serving.server.http.pages import Pages
from serving.server.http.rest_app import RestApp
from serving.server.model_store import ModelStore
from serving.server.place import Place
from serving.server.predictor import Predictor, Settings

_STOP_SECONDS = 20
_CALLS = 256  # of gRPC at once: each may hold a body of the largest size
_KEEP_ALIVE_SECONDS = 20


class Server:
    """A running server.

    Attributes:
      server_port: port of the REST API.
      grpc_port: port of the gRPC services; None without them.
    """

    def __init__(self, server_port: int) -> None:
        """Keeps its port; `start` makes a server."""
        self.server_port = server_port
        # Not the thread's `join`: in Python 3.10 one that is interrupted counts as its end.
        self.ended = threading.Event()
        self.grpc_port: int | None = None
        self.end: asyncio.Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def wait(self) -> None:
        """Waits until the server has ended."""
        self.ended.wait()

    def shutdown(self) -> None:
        """Answers what it has begun to read, and ends."""
        if self.loop and self.end and not self.ended.is_set():
            with contextlib.suppress(RuntimeError):  # it has ended by itself just now
                self.loop.call_soon_threadsafe(self.end.set)
        self.ended.wait()


def start(
    store: ModelStore,
    place: Place = Place(),  # noqa: B008 (frozen)
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    pages: Pages = Pages(),  # noqa: B008 (frozen)
) -> Server:
    """Starts a server.

    Args:
      store: models that answer.
      place: where it listens.
      settings: how it answers.
      pages: what its status page shows.

    Raises:
      OSError: it cannot listen on a port, or write the request log.
    """
    listener = _listen(place.host, place.port)
    started: Future[None] = Future()

    def run() -> None:
        try:
            uvloop.run(_serve(server, listener, started, store, place, settings, pages))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            listener.close()
            server.ended.set()

    server = Server(listener.getsockname()[1])
    threading.Thread(target=run, name="server", daemon=True).start()
    started.result()
    return server


async def _serve(
    server: Server,
    listener: socket.socket,
    started: Future[None],
    store: ModelStore,
    place: Place,
    settings: Settings,
    pages: Pages,
) -> None:
    """Serves until the server's `end` is set."""
    server.loop, server.end = asyncio.get_running_loop(), asyncio.Event()
    predictor = Predictor(store, settings)
    rest = RestApp(predictor, pages)
    http = uvicorn.Server(
        uvicorn.Config(
            Access(rest.app, place.hosts, place.token),
            http=connection_class(settings.capacity.seconds),
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )
    try:
        services = await _start_grpc(predictor, place, listener.getsockname()[0])
        server.grpc_port = services and services[1]
        serving = asyncio.create_task(http.serve([listener]))
        ends = asyncio.create_task(server.end.wait())
        rest.is_ready = True
        started.set_result(None)
        await asyncio.wait({serving, ends}, return_when=asyncio.FIRST_COMPLETED)
        rest.is_ready = False
        http.should_exit = True
        stops = [services[0].stop(_STOP_SECONDS)] if services else []
        await asyncio.gather(serving, *stops)
    finally:
        rest.close()
        predictor.close()


async def _start_grpc(
    predictor: Predictor, place: Place, address: str
) -> tuple[grpc.aio.Server, int] | None:
    """Starts the gRPC services at an address; returns their server and port.

    Raises:
      OSError: the port cannot be listened on.
    """
    if place.grpc_port is None:
        return None
    options = [
        ("grpc.max_receive_message_length", predictor.settings.limits.bytes),
        ("grpc.so_reuseport", 0),
    ]
    services = grpc.aio.server(options=options, maximum_concurrent_rpcs=_CALLS)
    Services(predictor, place.token).add(services)
    try:
        where = f"[{address}]" if ":" in address else address
        port = services.add_insecure_port(f"{where}:{place.grpc_port}")
    except RuntimeError as error:
        where = f"{place.host}, port {place.grpc_port}"
        raise OSError(
            f"Cannot listen on {where}, for gRPC: name another port with --grpc-port, or none."
        ) from error
    await services.start()
    return services, port


def check_ports(place: Place) -> None:
    """Checks, before a model is loaded, that a server can listen.

    Raises:
      OSError: the message names the place.
    """
    for port, option in ((place.port, "--port"), (place.grpc_port, "--grpc-port")):
        if port:
            try:
                _listen(place.host, port).close()
            except OSError as error:
                raise OSError(f"{error}: name another one with {option}.") from error


def _listen(host: str, port: int) -> socket.socket:
    """Returns a socket that is bound to a port.

    Raises:
      OSError: the message names the place.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1)  # so that a port in use is noticed here; uvicorn sets the real length
    except OSError as error:
        listener.close()
        raise OSError(f"Cannot listen on {quote(host)}, port {port}: {error}") from error
    return listener
