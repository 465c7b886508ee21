"""The predict REST API over HTTP, its client, and the change to a newer model under load."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.config.options.releases import STABLE
from pipeline.releases.change import Writer
from serving import pushed_models
from serving.client import Client, ServerError
from serving.logged_requests import log_files, read_requests
from serving.server import run
from serving.server.limits import Limits
from serving.server.model_store import ModelStore
from tests.integration.programs import run_program

PROJECT = Path(__file__).resolve().parents[2]
PREDICT = "/v1/models/session-retrieval:predict"


@pytest.fixture(scope="module")
def url(trained: Any) -> Iterator[str]:
    server = run.start(ModelStore(lambda: {STABLE: trained.folder / "model"}))
    yield f"http://localhost:{server.server_port}"
    server.shutdown()


@pytest.fixture
def session(sample: Any) -> list[str]:
    return list(sample.sessions["test"][0])


def _post(url: str, content: Any) -> tuple[int, Any]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    try:
        with urllib.request.urlopen(url, body, timeout=300) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_client_gets_what_the_model_answers(url: str, saved_model: Any, sample: Any) -> None:
    sessions = [list(ids) for ids in sample.sessions["test"][:20]] + [[], ["never seen"]]
    answers = Client(url).recommend(sessions, 7)
    expected = pushed_models.recommend(saved_model, sessions, 7)
    assert [[i.item_id for i in row] for row in answers] == [
        [i.item_id for i in row] for row in expected
    ]
    assert answers[0][0].score == pytest.approx(expected[0][0].score, abs=1e-4)


def test_rows_and_columns_give_the_same(url: str, session: list[str]) -> None:
    ask = {"signature_name": "recommend"}
    _, by_column = _post(url + PREDICT, {**ask, "inputs": {"item_ids": [session, session]}})
    _, bare = _post(url + PREDICT, {**ask, "inputs": [session, session]})
    _, by_row = _post(url + PREDICT, {**ask, "instances": [session, session]})
    _, named = _post(url + PREDICT, {**ask, "instances": [{"item_ids": session}] * 2})
    assert by_column == bare
    assert by_row == named
    assert [row["item_ids"] for row in by_row["predictions"]] == by_column["outputs"]["item_ids"]


def test_bytes_travel_as_base64(url: str, session: list[str]) -> None:
    import tensorflow as tf

    values = tf.train.BytesList(value=[item.encode() for item in session])
    feature = {"item_ids": tf.train.Feature(bytes_list=values)}
    example = tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
    encoded = {"b64": base64.b64encode(example).decode()}
    status, answer = _post(url + PREDICT, {"instances": [{"examples": encoded}]})
    assert status == 200
    found = [item.item_id for item in Client(url).recommend([session], 100)[0]]
    assert answer["predictions"][0]["item_ids"] == found


def _filtered(**changes: Any) -> dict[str, Any]:
    rules = {"exclude": [[""]], "allow": [[""]], "session_items": "keep", **changes}
    return {"signature_name": "recommend_filtered", "inputs": {"item_ids": [["a"]], **rules}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "The body is not valid JSON"),
        ({}, "either 'inputs' or 'instances'"),
        (b"[" * 100_000, "The body is not valid JSON"),
        ({"signature_name": "x", "inputs": []}, "No signature 'x'; there are: embed_items"),
        ({"signature_name": ["x"], "inputs": []}, 'No signature ["x"]'),
        ({"signature_name": "recommend", "inputs": [["a"], ["a", "b"]]}, "rows of one length"),
        ({"signature_name": "recommend", "inputs": ["a"]}, "item_ids[0] must be a list"),
        (
            {"signature_name": "recommend", "inputs": [[1]]},
            "item_ids[0][0] must be a string",
        ),
        ({"signature_name": "recommend", "inputs": [[{"b64": "?"}]]}, "is not valid base64"),
        ({"signature_name": "recommend", "instances": []}, "at least one row"),
        ({"signature_name": "recommend_filtered", "instances": [1]}, "k, session_items cannot be"),
        ({"signature_name": "recommend_filtered", "inputs": {"k": 1}}, "must have exactly"),
        (_filtered(k=0), "k must be at least 1, got '0'"),
        (_filtered(k="10"), 'k must be a whole number from -2147483648 to 2147483647, got "10"'),
        (_filtered(k=3, session_items="x"), "session_items must be one of keep, demote, drop, got"),
    ],
)
def test_a_request_that_means_nothing_is_refused_with_a_reason(
    url: str, content: Any, words: str
) -> None:
    status, answer = _post(url + PREDICT, content)
    assert status == 400
    assert words in answer["error"]


def test_status_versions_and_unknown_places(url: str) -> None:
    with urllib.request.urlopen(f"{url}/v1/models/session-retrieval") as response:
        (state,) = json.load(response)["model_version_status"]
    assert state["state"] == "AVAILABLE"
    for path in ("/v1/models/other:predict", PREDICT.replace(":", "/versions/77:"), "/nope"):
        assert _post(url + path, {"inputs": []})[0] == 404
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(url + PREDICT)
    assert _post(url + PREDICT, b"x" * (Limits().bytes + 1))[0] == 413


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("localhost:8501", "The server must be like http://localhost:8501, got"),
        ("http://localhost:9", "does not answer: .*Is a server running there"),
        ("{url}/v1/models/other", "answered 404: .*Served is session-retrieval"),
    ],
)
def test_the_client_says_what_is_wrong(url: str, server: str, words: str) -> None:
    with pytest.raises(ServerError, match=words):
        Client(server.format(url=url)).recommend([["a"]], 3)


def test_recommend_calls_a_server_without_tensorflow(url: str, session: list[str]) -> None:
    program = (
        "import sys; from pipeline.cli.main import main\n"
        f"status = main(['recommend', '--items', {','.join(session)!r}, '--server', {url!r}])\n"
        "assert 'tensorflow' not in sys.modules\n"
        "sys.exit(status)\n"
    )
    first, *rows = run_program(program).splitlines()
    assert first == f"Server: {url}/v1/models/session-retrieval"
    rows = [row for row in rows if not row.startswith("Unknown to the model")]
    found = [item.item_id for item in Client(url).recommend([session], 10)[0]]
    assert [row.split()[1] for row in rows] == found


def _push(model: Path, folder: Path, version: int) -> None:
    """Copies file by file, as Pusher does."""
    shutil.copytree(model, folder / str(version))


def test_newer_models_and_rollbacks_take_over_and_no_request_fails(
    trained: Any, session: list[str], tmp_path: Path
) -> None:
    model, pushed = trained.folder / "model", tmp_path / "pushed"
    _push(model, pushed, 1)
    store = ModelStore(lambda: pushed_models.released_models([pushed]))
    server = run.start(store)
    url = f"http://localhost:{server.server_port}{PREDICT}"
    body = json.dumps({"signature_name": "recommend", "inputs": [session]}).encode()
    failures: list[str] = []
    versions: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.wait(0.01):  # a load of its own would slow the loading of models down
            try:
                with urllib.request.urlopen(url, body, timeout=300) as response:
                    versions.append(response.headers["X-Model-Version"])
            except Exception as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        store.watch(0.2)
        changes: list[tuple[int, Callable[[], object]]] = [
            (2, lambda: _push(model, pushed, 2)),
            (3, lambda: _push(model, pushed, 3)),
            (1, lambda: Writer(tmp_path, "ann", "slow").rollback("1")),
            (3, lambda: Writer(tmp_path, "ann", "").promote("3")),
        ]
        for version, change in changes:
            change()
            end = time.monotonic() + 300
            while versions[-1:] != [str(version)]:
                assert time.monotonic() < end, f"version {version} never answered: {failures[:3]}"
                time.sleep(0.05)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        store.close()
        server.shutdown()
    assert failures == []
    assert list(dict.fromkeys(sorted(versions))) == ["1", "2", "3"]


def test_a_broken_push_changes_nothing_and_a_whole_one_fixes_it(
    trained: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = trained.folder / "model"
    _push(model, tmp_path, 1)
    store = ModelStore(lambda: pushed_models.released_models([tmp_path]))
    (tmp_path / "2").mkdir()
    shutil.copy(model / "saved_model.pb", tmp_path / "2")
    for _ in range(4):
        assert not store.refresh()
    assert store.current.version == 1
    assert sum("2 is not served" in line for line in caplog.messages) == 1

    shutil.copytree(model, tmp_path / "2", dirs_exist_ok=True)
    assert [store.refresh(), store.refresh()] == [False, True]
    assert store.current.version == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_command_serves_and_ends(trained: Any, number: signal.Signals, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "pipeline.cli", "serve", "--port", "0"),
        *("--model", str(trained.folder / "model"), "--log", str(tmp_path)),
    ]
    process = subprocess.Popen(
        # As a shell starts what runs in the background.
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        address = process.stdout.readline().split()[1]
        assert len(Client(address).recommend([["never seen"]], 5)[0]) == 5
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "Traceback" not in errors
    (row,) = read_requests(log_files(tmp_path))  # what was answered just before the end
    assert row and row.items == ("never seen",)
