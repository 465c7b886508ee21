"""A predict server that answers as a script says, with real sockets."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

GOOD = json.dumps({"outputs": {"item_ids": [["a", "b"]], "scores": [[2.0, 1.0]]}}).encode()


class Step(NamedTuple):
    """What becomes of a request.

    Attributes:
      status: HTTP status; 0 to end the connection without an answer.
      body: bytes of the answer.
      headers: of the answer, beside its length.
      pause: seconds between its bytes, which are sent one by one; or before it, without a body.
    """

    status: int = 200
    body: bytes = GOOD
    headers: Mapping[str, str] = {}
    pause: float = 0.0


class Seen(NamedTuple):
    """A request as the server saw it."""

    path: str
    headers: dict[str, str]
    body: Any
    port: int  # of the client, one for each connection


class ScriptedServer(ThreadingHTTPServer):
    """Answers with the steps of a script, then with the last of them; keeps what it saw."""

    daemon_threads = True

    def __init__(self, steps: Sequence[Step], by_path: Mapping[str, Step]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.steps, self.by_path, self.seen = list(steps), by_path, list[Seen]()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def step(self, path: str) -> Step:
        with self.lock:
            for part, step in self.by_path.items():
                if part in path:
                    return step
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body go in two packets

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null"
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.path, headers, json.loads(body), self.client_address[1])
        self.server.seen.append(seen)
        step = self.server.step(self.path)
        if step.status == 0:
            time.sleep(step.pause)
            self.close_connection = True
            return
        self.send_response(step.status)
        for name, value in step.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(step.body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # the client may be gone
            if not step.pause:
                self.wfile.write(step.body)
            for byte in step.body if step.pause else b"":
                self.wfile.write(bytes([byte]))
                time.sleep(step.pause)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def scripted(*steps: Step, by_path: Mapping[str, Step] | None = None) -> Iterator[ScriptedServer]:
    """Starts a server, and ends it."""
    server = ScriptedServer(steps or [Step()], by_path or {})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
