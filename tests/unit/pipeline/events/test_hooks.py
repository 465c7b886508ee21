"""Events go to real commands and a real server."""

import http.server
import json
import os
import resource
import threading
import time

import pytest

from modules.config.options.hooks import HookOptions
from pipeline.events.hooks import send

EVENT = {"event": "refused", "day": "2015-09-11", "message": "shöp"}


def _options(on_event, **more):
    return HookOptions(on_event=on_event, **more)


def test_a_command_gets_the_event_on_its_standard_input(tmp_path):
    file = tmp_path / "event.json"
    assert send(_options(f"cat > '{file}'"), EVENT) is None
    assert json.loads(file.read_text("utf-8")) == EVENT


def test_a_folder_whose_name_is_not_utf_8_keeps_no_event_back(tmp_path):
    file, out = tmp_path / "event.json", os.fsdecode(b"/srv/sh\xf6p")
    assert send(_options(f"cat > '{file}'"), {**EVENT, "out": out}) is None
    assert json.loads(file.read_text("utf-8"))["out"] == out


def test_other_events_and_no_hook_call_nothing(tmp_path):
    file = tmp_path / "event.json"
    assert send(_options(f"cat > '{file}'", events=("failed",)), EVENT) is None
    assert send(_options(None), EVENT) is None
    assert not file.exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo one; echo no route >&2; exit 3", "failed with exit status 3: no route"),
        ("no-such-command-here", "exit status 127"),
        ("kill -9 $$", "was killed by SIGKILL"),
        ("sleep 60", "took longer than 0.5 s and was ended"),
    ],
)
def test_a_command_that_fails_is_a_warning_of_one_line(command, words):
    began = time.monotonic()
    warning = send(_options(command, timeout_seconds=0.5), EVENT)
    assert warning.startswith("Warning: hooks.on_event did not take the event refused: ")
    assert words in warning and "\n" not in warning
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("ending", ["", "; sleep 60"])
def test_what_a_command_has_started_ends_with_it(tmp_path, ending):
    file = tmp_path / "pid"
    command = f"sleep 61 & echo $! > '{file}'{ending}"
    send(_options(command, timeout_seconds=2), EVENT)
    child = int(file.read_text())
    for _ in range(100):
        if not _is_running(child):
            return
        time.sleep(0.1)
    pytest.fail("the child still runs")


def _is_running(process):
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted; its path says how it answers."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.headers["Content-Type"], json.loads(body)))
        if self.path == "/slow":
            time.sleep(3)
        self.send_response(500 if self.path == "/broken" else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.received = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def test_of_a_commands_output_only_the_end_is_kept():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    command = "yes | head -c 300000000; echo; echo the end; exit 3"
    warning = send(_options(command, timeout_seconds=60), EVENT)
    assert warning.endswith("failed with exit status 3: the end")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_an_address_gets_the_event_as_json(server):
    address = f"http://127.0.0.1:{server.server_port}/"
    assert send(_options(address), EVENT) is None
    assert server.received == [("application/json", EVENT)]


@pytest.mark.parametrize(
    ("path", "words"), [("broken", "HTTP Error 500"), ("slow", "no answer within 0.5 s")]
)
def test_an_address_that_fails_is_a_warning_without_the_address(server, path, words):
    address = f"http://127.0.0.1:{server.server_port}/{path}"
    warning = send(_options(address, timeout_seconds=0.5), EVENT)
    assert words in warning and path not in warning.partition(words)[0]


def test_an_address_that_nobody_listens_at_is_a_warning():
    assert "refused" in send(_options("http://127.0.0.1:9/", timeout_seconds=5), EVENT)


def test_a_hook_does_not_see_the_locks_of_the_run(tmp_path):
    with open(tmp_path / "run.lock", "w"):
        file = tmp_path / "open"
        send(_options(f"ls -l /proc/$$/fd > '{file}'"), EVENT)
    assert "run.lock" not in file.read_text()
    assert os.path.exists(tmp_path / "run.lock")
