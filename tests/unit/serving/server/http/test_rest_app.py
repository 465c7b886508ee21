"""Answers, errors and pages over HTTP, as clients see them."""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.logged_requests import log_files, read_requests
from serving.server import run
from serving.server.http import rest_app
from serving.server.http.pages import Pages, Shown
from serving.server.model_store import ModelStore
from serving.server.predictor import Settings
from serving.server.request_log import LogOptions
from tests.raw_requests import head, send, start


def get(server: Any, path: str, timeout: float = 60) -> tuple[int, str, Any]:
    """Returns status, body and headers of an answer."""
    connection = http.client.HTTPConnection("localhost", server.server_port, timeout=timeout)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode(), response.headers


def test_a_fault_of_the_server_is_answered_in_json_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = start({"recommend": object()})  # which is no function
    body = '{"signature_name": "recommend", "inputs": [["a"]]}'
    try:
        with caplog.at_level(logging.ERROR):
            for _ in range(2):
                found = send(server, head(f"Content-Length: {len(body)}") + body)
                assert found == (500, "The server failed to answer; see its log.")
    finally:
        server.shutdown()
    assert "AttributeError" in caplog.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/v1/models/session-retrieval", 200),
        ("/v1/models/session-retrieval/versions/7", 200),
        ("/v1/models/session-retrieval/labels/stable", 200),
        ("/v1/models/session-retrieval/labels/canary", 404),
        ("/v1/models/session-retrieval/versions/8", 404),
        ("/v1/models/session-retrieval/versions/" + "9" * 9_000, 404),
        ("/v1/models/other", 404),
        ("/v1/models/session-retrieval:predict", 405),
        ("/v1/models/session-retrieval/metadata", 200),
        ("/openapi.json", 200),
        ("/nope", 404),
        ("/out/history.html", 404),
    ],
)
def test_paths_are_answered_in_json(echo_server: Any, path: str, status: int) -> None:
    found, body, headers = get(echo_server, path)
    assert (found, headers["Content-Type"]) == (status, "application/json")
    assert ("error" in json.loads(body)) == (status != 200)


def test_metadata_names_inputs_and_outputs(echo_server: Any) -> None:
    _, body, _ = get(echo_server, "/v1/models/session-retrieval/versions/7/metadata")
    found = json.loads(body)
    assert found["model_spec"] == {
        "name": "session-retrieval",
        "signature_name": "",
        "version": "7",
    }
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert sorted(signatures) == [
        *("evaluate", "recommend", "recommend_filtered", "serving_default", "weigh"),
    ]
    assert signatures["weigh"]["inputs"]["weights"]["dtype"] == "DT_FLOAT"


def test_the_page_finds_known_items_whatever_blanks_are_around_them(echo_server: Any) -> None:
    _, body, _ = get(echo_server, "/items?is=%C2%A0a%EF%BB%BF&is=b")
    found = json.loads(body)
    assert found == {"item_ids": ["\u00a0a\ufeff"], "names": [""], "categories": [[]]}
    assert json.loads(get(echo_server, "/items?q=Known")[1])["item_ids"] == ["known-2"]


def test_a_model_without_names_has_none_to_give(echo_server: Any) -> None:
    status, body, _ = get(echo_server, "/items/names")
    assert (status, json.loads(body)["error"]) == (
        404,
        "The model carries no names and categories of items.",
    )


def test_metrics_count_requests_items_and_models(echo_server: Any) -> None:
    text = json.dumps({"signature_name": "recommend", "inputs": [["a", "b"], ["b", ""]]})
    connection = http.client.HTTPConnection("localhost", echo_server.server_port, timeout=60)
    connection.request("POST", "/v1/models/session-retrieval:predict", text)
    assert connection.getresponse().status == 200
    _, metrics, _ = get(echo_server, "/metrics")
    assert 'session_retrieval_model_info{label="stable",version="7"} 1.0' in metrics
    for name in ("requests", "sessions", "fallback_sessions", "items", "unknown_items"):
        assert f"\nsession_retrieval_{name}_total{{" in metrics
    assert 'api="rest",code="200",label="stable",signature="recommend"' in metrics


def test_answers_name_version_and_label(echo_server: Any) -> None:
    text = json.dumps({"signature_name": "recommend", "inputs": [["a"]]})
    connection = http.client.HTTPConnection("localhost", echo_server.server_port, timeout=60)
    connection.request("POST", "/v1/models/session-retrieval/labels/stable:predict", text)
    headers = connection.getresponse().headers
    assert (headers["X-Model-Version"], headers["X-Model-Label"]) == ("7", "stable")


@pytest.fixture(scope="module")
def with_pages(echo_store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    out: Path = tmp_path_factory.mktemp("out")
    (out / "runs" / "r1").mkdir(parents=True)
    (out / "history.html").write_text("<p>history")
    (out / "runs" / "r1" / "report.html").write_text("<p>report")
    (out / "runs" / "r1" / "summary.json").write_text("{}")
    shown = Shown({"History": "history.html"}, [{"version": "7", "what": "<b>blessed"}])
    server = run.start(echo_store, pages=Pages(out, lambda: shown))
    yield server
    server.shutdown()


def test_the_status_page_shows_models_pushes_and_links(with_pages: Any) -> None:
    status, page, headers = get(with_pages, "/status")
    assert (status, headers["X-Frame-Options"]) == (200, "DENY")
    assert "&lt;b&gt;blessed" in page
    assert '<a href="/out/history.html">History</a>' in page
    assert "<td>stable<td>7" in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/out/history.html", 200),
        ("/out/runs/r1/report.html", 200),
        ("/out/runs/r1/summary.json", 404),
        ("/out/runs/../history.html", 404),
        ("/out/runs/%2e%2e/history.html", 404),
        ("/out//etc/passwd", 404),
        ("/out/runs/r2/report.html", 404),
    ],
)
def test_pages_of_the_output_folder_are_shown_and_nothing_else(
    with_pages: Any, path: str, status: int
) -> None:
    assert get(with_pages, path)[0] == status


def test_refusals_are_of_no_model_and_no_answer(echo_server: Any) -> None:
    before = get(echo_server, "/metrics")[1]
    connection = http.client.HTTPConnection("localhost", echo_server.server_port, timeout=60)
    connection.request("POST", "/v1/models/session-retrieval/versions/8:predict", "{}")
    response = connection.getresponse()
    assert response.status == 404 and response.headers["X-Model-Version"] is None
    after = get(echo_server, "/metrics")[1]
    assert 'code="404",label="",signature="other"' in after
    count = 'session_retrieval_request_seconds_count{api="rest",label="",signature="other"}'
    assert count not in before + after


def test_large_requests_do_not_keep_others_waiting(
    echo_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large body is read beside the event loop, which goes on answering."""
    statuses = []

    def read_once_others_are_answered(*arguments: Any) -> Any:
        # In the thread of the event loop this would wait for itself.
        statuses.append(get(echo_server, "/healthz", timeout=10)[0])
        return read_request(*arguments)

    name = "read_request"
    read_request = getattr(rest_app, name)
    monkeypatch.setattr(rest_app, name, read_once_others_are_answered)
    rows = json.dumps({"signature_name": "recommend", "inputs": [["a"] * 1_500] * 1_000})
    connection = http.client.HTTPConnection("localhost", echo_server.server_port, timeout=60)
    connection.request("POST", "/v1/models/session-retrieval:predict", rows)
    response = connection.getresponse()
    assert (response.status, statuses) == (200, [200]), response.read()


def test_session_ids_are_utf_8(echo_store: ModelStore, tmp_path: Path) -> None:
    server = run.start(echo_store, settings=Settings(log=LogOptions(tmp_path)))
    connection = http.client.HTTPConnection("localhost", server.server_port, timeout=60)
    body = json.dumps({"signature_name": "recommend", "inputs": [["a"]]})
    headers = {"X-Session-Id": "s\u00e9".encode()}
    connection.request("POST", "/v1/models/session-retrieval:predict", body, headers)
    assert connection.getresponse().read()
    connection.close()
    server.shutdown()
    (row,) = read_requests(log_files(tmp_path))
    assert row and row.session_id == "s\u00e9"
