"""The client of a predict server: proxies, many sessions, labels, tries again, fallback."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from modules.config.options.releases import STABLE
from modules.items.item_names import ItemNames
from serving.canary_share import goes_to_canary
from serving.client import Client, Retries, ServerError
from serving.pushed_models import Recommendation
from serving.server import run
from serving.server.limits import Limits
from serving.server.model_store import ModelStore, Served
from serving.server.place import Place
from serving.server.predictor import Settings
from tests.documents import PROJECT
from tests.grpc_server import grpc_server
from tests.scripted_server import Step, scripted

SOON = Retries(first=0.001, longest=0.002)
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Server(HTTPServer):
    """Answers every request, and keeps the targets that were asked for."""

    def __init__(self) -> None:
        super().__init__(("0.0.0.0", 0), Answer)
        self.targets: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.targets.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"outputs": {"item_ids": [["a"]], "scores": [[1.0]]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def _answers(url: str) -> bool:
    return Client(url, timeout=300).recommend([["b"]], 1)[0][0].item_id == "a"


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.9.8.7", "0.0.0.0"])
def test_a_dead_proxy_does_not_block_this_machine(
    server: Server, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert _answers(f"http://{host}:{server.server_port}")


def test_other_hosts_are_called_through_the_proxy(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    assert _answers("http://shop.invalid:8501")
    assert server.targets == ["http://shop.invalid:8501/v1/models/session-retrieval:predict"]
    monkeypatch.setenv("no_proxy", "shop.invalid")
    looked_up: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[object]:
        """Answers as a name server does that has no such host, but none is asked."""
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(ServerError, match=r"shop\.invalid"):
        _answers("http://shop.invalid:8501")
    assert set(looked_up) == {"shop.invalid"}


@pytest.mark.parametrize("most_rows", [499, 3, 1])
def test_the_client_sends_fewer_sessions_where_the_catalogue_is_huge(
    echo_store: ModelStore, most_rows: int
) -> None:
    served = ModelStore(lambda: {STABLE: echo_store.current.folder})
    model = dataclasses.replace(echo_store.current, catalogue_size=600_000)
    served.served = Served({STABLE: model})
    server = run.start(served, settings=Settings(Limits(scores=600_000 * most_rows)))
    sessions = [[f"a{number}"] for number in range(601)]
    client = Client(f"http://localhost:{server.server_port}")
    try:
        for _ in range(2):
            answers = client.recommend(sessions, 1)
            assert [[item.item_id for item in row] for row in answers] == sessions
    finally:
        server.shutdown()


def test_the_client_says_that_a_single_session_is_too_long(echo_server: Any) -> None:
    with pytest.raises(ServerError, match=r"answered 413: .*A session of 10,001 items is too long"):
        Client(f"http://localhost:{echo_server.server_port}").recommend([["a"] * 10_001], 1)


@pytest.mark.parametrize(("count", "length"), [(0, 1), (1, 60_000), (1_203, 1), (30, 9_000)])
def test_the_client_sends_many_sessions_as_several_requests(
    echo_store: ModelStore, count: int, length: int
) -> None:
    server = run.start(echo_store, settings=Settings(Limits(rows=500, session_items=60_000)))
    sessions = [[f"a{number}"] * (length if number % 7 == 0 else 1) for number in range(count)]
    try:
        answers = Client(f"http://localhost:{server.server_port}").recommend(sessions, 1)
    finally:
        server.shutdown()
    # The small model answers what it was asked, one score for each session.
    assert [[item.item_id for item in row] for row in answers] == [row[:1] for row in sessions]


@pytest.fixture(params=["REST", "gRPC"])
def labelled(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Starts a server of either API that knows the labels of a set; returns how to start it."""
    missing = Step(400, b'{"error": "Unrecognized servable version label"}')
    with contextlib.ExitStack() as stack:

        def start(*labels: str) -> Any:
            if request.param == "gRPC":
                numbered = {name: number for number, name in enumerate(labels, start=1)}
                return stack.enter_context(grpc_server(labels=numbered))
            paths = {f"/labels/{name}:": Step() for name in labels} | {"/labels/": missing}
            return stack.enter_context(scripted(by_path=paths))

        yield start


@pytest.mark.parametrize(
    ("known", "wanted", "answering"),
    [
        (["stable", "canary"], "canary", "canary"),
        (["stable"], "canary", "stable"),
        (["stable", "canary"], "stable", "stable"),
        ([], None, None),
    ],
)
def test_a_label_is_chosen_and_stable_stands_in_for_a_missing_canary(
    labelled: Any, known: list[str], wanted: str | None, answering: str | None
) -> None:
    url = labelled(*known).url
    assert Client(url, label=wanted).answer(["a"], 1).label == answering
    assert Client(url).answer(["a"], 1, label=wanted).label == answering


def test_no_other_version_stands_in_for_stable_but_the_popular_items(
    labelled: Any, tmp_path: Path
) -> None:
    url = labelled().url
    with pytest.raises(ServerError, match="Unrecognized servable version label"):
        Client(url, label="stable").answer(["a"], 1)
    (tmp_path / "popular.txt").write_text("b\n", "utf-8")
    answer = Client(url, label="stable", fallback=tmp_path / "popular.txt").answer(["a"], 1)
    assert answer.is_fallback and answer.items[0].item_id == "b"


def test_a_share_of_the_sessions_goes_to_the_canary_and_all_others_to_stable(labelled: Any) -> None:
    client = Client(labelled("stable", "canary").url, canary_share=0.3)
    ids = [f"session-{number}" for number in range(60)]
    answered = [client.answer(["a"], 1, session_id=name).label for name in ids]
    assert answered == ["canary" if goes_to_canary(name, 0.3) else "stable" for name in ids]
    assert set(answered) == {"canary", "stable"}
    assert client.answer(["a"], 1).label == "stable"


def test_without_labels_the_servers_newest_version_answers_all(labelled: Any) -> None:
    server = labelled()
    client = Client(server.url, canary_share=0.5)
    assert {client.answer(["a"], 1, session_id=f"{n}").label for n in range(20)} == {None}
    # What is missing is not looked for with every request.
    assert len(server.seen) == 22


def test_a_choice_is_made_once() -> None:
    for url in ("http://shop/v1/models/x/versions/7", "http://shop/v1/models/x/labels/canary"):
        with pytest.raises(ServerError, match="names a version or label already"):
            Client(url, label="stable")
    with pytest.raises(ValueError, match="exclude each other"):
        Client("http://shop", label="stable", canary_share=0.1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        Client("http://shop", canary_share=1.1)


def test_session_and_visitor_are_named_to_the_server() -> None:
    with scripted() as server:
        Client(server.url).answer(["a"], 1, session_id="s", visitor_id="v")
        Client(server.url).predict("recommend", {"item_ids": [["a"]]}, session_id="t")
    headers = [seen.headers for seen in server.seen]
    assert (headers[0]["x-session-id"], headers[0]["x-visitor-id"]) == ("s", "v")
    assert headers[1]["x-session-id"] == "t" and "x-visitor-id" not in headers[1]


@pytest.mark.parametrize("steps", [[Step(503)], [Step(0), Step(502)], [Step(429), Step(503)]])
def test_an_answer_that_comes_late_is_an_answer(steps: list[Step]) -> None:
    with scripted(*steps, Step()) as server:
        answer = Client(server.url, retries=SOON).answer(["b"], 1)
    assert (answer.items, answer.is_fallback) == ([Recommendation("a", 2.0)], False)
    assert len(server.seen) == len(steps) + 1


def test_the_server_says_when_to_return_and_the_deadline_when_not_to() -> None:
    with scripted(Step(503, headers={"Retry-After": "1"}), Step()) as server:
        began = time.monotonic()
        assert Client(server.url).answer(["b"], 1).items
        assert time.monotonic() - began >= 1
    with scripted(Step(503, headers={"Retry-After": "60"})) as server:
        began = time.monotonic()
        with pytest.raises(ServerError, match="answered 503"):
            Client(server.url, timeout=5).answer(["b"], 1)
        assert time.monotonic() - began < 4 and len(server.seen) == 1


def test_all_tries_together_end_by_the_deadline() -> None:
    slow = Step(503, b"x", pause=0.2)
    with scripted(slow) as server:
        began = time.monotonic()
        with pytest.raises(ServerError):
            Client(server.url, timeout=0.5, retries=Retries(most=100)).answer(["b"], 1)
        assert time.monotonic() - began < 8  # the tries alone would take 20 s
        assert 1 < len(server.seen) < 10


def test_the_popular_items_stand_in_while_the_server_is_away(tmp_path: Path) -> None:
    path = tmp_path / "popular.txt"
    with scripted(Step(), Step(503)) as server:
        client = Client(server.url, retries=SOON, fallback=path)
        assert client.renew_fallback() == ("a", "b")
        assert server.seen[0].body["inputs"] == {"item_ids": [[""]]}
        answer = client.answer(["c"], 1)
        assert answer.items == [Recommendation("a", 0.0)] and answer.is_fallback
        assert answer.error is not None and "answered 503" in answer.error
    # The server is gone, and this is another process.
    later = Client(server.url, retries=SOON, fallback=path).answer(["c"], 5)
    assert [item.item_id for item in later.items] == ["a", "b"] and later.is_fallback
    with pytest.raises(ServerError, match="does not answer"):
        Client(server.url, retries=SOON).answer(["c"], 5)


def test_an_answer_to_an_empty_session_is_kept(tmp_path: Path) -> None:
    with scripted() as server:
        client = Client(server.url, retries=SOON, fallback=tmp_path / "popular.txt")
        client.answer(["c"], 1)
        assert not (tmp_path / "popular.txt").exists()
        client.answer([], 1)
        assert (tmp_path / "popular.txt").read_text("utf-8") == "a\nb\n"


@pytest.mark.parametrize("status", [400, 404, 413])
def test_a_request_that_is_refused_has_no_fallback(status: int, tmp_path: Path) -> None:
    (tmp_path / "popular.txt").write_text("a\n", "utf-8")
    with scripted(Step(status, b"why")) as server:
        client = Client(server.url, fallback=tmp_path / "popular.txt")
        with pytest.raises(ServerError, match=f"answered {status}: why"):
            client.answer(["c"], 1)
    assert len(server.seen) == 1


def test_threads_share_a_client() -> None:
    with grpc_server(labels={"stable": 1, "canary": 2}) as server:
        client = Client(server.url, canary_share=0.5)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = {
                name: pool.submit(client.answer, [name], 1, session_id=name)
                for name in (f"session-{number}" for number in range(100))
            }
        for name, job in jobs.items():
            answer = job.result()
            assert [item.item_id for item in answer.items] == [name]
            assert answer.version == ("2" if goes_to_canary(name, 0.5) else "1")
        client.close()


def test_the_documented_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    document = (PROJECT / "docs" / "serving.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(from serving.client.*?)```", document, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with scripted() as server:
        code = code.replace("http://localhost:8501", server.url)
        exec(compile(code, "docs/serving.md", "exec"), {})
        assert capsys.readouterr().out == "['a', 'b'] stable False\n"
        assert server.seen[-1].headers["x-session-id"] == "b7f3"
    # The server is gone; the list is not renewed.
    exec(compile(code.replace("client.renew_fallback()", ""), "docs/serving.md", "exec"), {})
    assert capsys.readouterr().out == "['a', 'b'] None True\n"


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_our_own_server_knows_the_same_labels_and_its_token(
    echo_store: ModelStore, scheme: str
) -> None:
    folder = echo_store.current.folder
    models = {STABLE: folder}
    store = ModelStore(lambda: models)
    server = run.start(store, Place(grpc_port=0, token="secret"))
    port = server.server_port if scheme == "http" else server.grpc_port
    try:
        client = Client(f"{scheme}://localhost:{port}", label="canary", token="secret")
        answer = client.answer(["a"], 1, session_id="s")
        assert (answer.items[0].item_id, answer.label) == ("a", "stable")
        assert answer.version == folder.name
        with pytest.raises(ServerError, match="token"):
            Client(f"{scheme}://localhost:{port}").answer(["a"], 1)
    finally:
        server.shutdown()


def test_the_label_is_the_servers_where_it_says_one() -> None:
    with scripted(Step(headers={"X-Model-Label": "canary", "X-Model-Version": "7"})) as server:
        answer = Client(server.url).answer(["a"], 1)
    assert (answer.label, answer.version) == ("canary", "7")


def _ranked(*items: str) -> bytes:
    ids = [*items, *(f"i{number}" for number in range(100 - len(items)))]
    scores = [[-float(place) for place in range(100)]]
    return json.dumps({"outputs": {"item_ids": [ids], "scores": scores}}).encode()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "No signature 'recommend_filtered'; there are: recommend."),
        (400, 'Serving signature name: "recommend_filtered" not found in signature def'),
        (412, 'Serving signature key "recommend_filtered" not found.'),
    ],
)
def test_an_index_without_filters_gives_the_few_items_of_rare_categories(
    status: int, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "items.json.gz"
    names = ItemNames({}, {"a": ("rare",), "z": ("rare",), "i1": ("usual",)})
    file.write_bytes(names.to_bytes())
    steps = [Step(200, _ranked("a")), Step(status, json.dumps({"error": reason}).encode())]
    with scripted(*steps) as server:
        client = Client(server.url, items=file, retries=SOON)
        (found,) = client.recommend([["b"]], 3, allow_categories=["rare"])
        assert [item.item_id for item in found] == ["a"]
        assert server.seen[-1].body["signature_name"] == "recommend_filtered"
    refused = Step(400, b'{"error": "recommend_filtered needs k"}')
    with scripted(Step(200, _ranked("a")), refused) as server:
        client = Client(server.url, items=file, retries=SOON)
        with pytest.raises(ServerError, match="needs k"):
            client.recommend([["b"]], 3, allow_categories=["rare"])
