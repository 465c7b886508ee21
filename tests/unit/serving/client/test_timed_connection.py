"""Connections that end by a deadline."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from serving.client.retries import Deadline
from serving.client.timed_connection import TimedConnection, TimedTLSConnection
from tests.scripted_server import Step, scripted


def _connection(port: int, seconds: float) -> TimedConnection:
    connection = TimedConnection("127.0.0.1", port)
    connection.set_deadline(Deadline(seconds))
    return connection


def _post(connection: TimedConnection) -> bytes:
    connection.request("POST", "/", b"{}")
    return connection.getresponse().read()


def test_a_body_that_trickles_ends_by_the_deadline() -> None:
    with scripted(Step(body=b"x" * 100, pause=0.05)) as server:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            _post(_connection(server.server_port, 0.3))
        assert 0.25 < time.monotonic() - began < 4


def test_headers_that_trickle_end_by_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(b"HTTP/1.1 200 OK\r\n")
                for _ in range(100):
                    try:
                        accepted.sendall(b"X")
                    except OSError:
                        return
                    time.sleep(0.05)

        thread = threading.Thread(target=trickle)
        thread.start()
        connection = _connection(listener.getsockname()[1], 0.3)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            _post(connection)
        assert time.monotonic() - began < 4
        connection.close()
        thread.join()


def test_a_connection_is_kept_with_a_new_deadline() -> None:
    with scripted(Step(body=b"ok"), Step(body=b"yes", headers={"Connection": "close"})) as server:
        connection = _connection(server.server_port, 30)
        assert not connection.is_open
        assert _post(connection) == b"ok"
        assert connection.is_open
        connection.set_deadline(Deadline(30))
        assert _post(connection) == b"yes"
        assert not connection.is_open  # the server said that it ends it
        assert len({seen.port for seen in server.seen}) == 1
        with pytest.raises(TimeoutError):
            connection.set_deadline(Deadline(0))


def test_an_answer_that_ends_early_is_an_error() -> None:
    with scripted(Step(status=0)) as server, pytest.raises(http.client.RemoteDisconnected):
        _post(_connection(server.server_port, 30))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_tls_is_checked_and_timed(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subject += ["-addext", "keyUsage=digitalSignature,keyCertSign"]  # Python 3.13 wants it
    files = ["-keyout", str(key), "-out", str(certificate)]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command = ["openssl", "req", "-x509", *kind, *subject, *files]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    with scripted(Step(body=b"ok"), Step(body=b"ok"), Step(body=b"x" * 99, pause=0.05)) as server:
        server.socket = served.wrap_socket(server.socket, server_side=True)
        trusted = ssl.create_default_context(cafile=str(certificate))
        connection = TimedTLSConnection("localhost", server.server_port, context=trusted)
        for _ in range(2):
            connection.set_deadline(Deadline(30))
            assert _post(connection) == b"ok"
        connection.set_deadline(Deadline(0.3))
        with pytest.raises(TimeoutError):
            _post(connection)
        stranger = TimedTLSConnection("localhost", server.server_port)
        stranger.set_deadline(Deadline(30))
        with pytest.raises(ssl.SSLCertVerificationError):
            _post(stranger)
