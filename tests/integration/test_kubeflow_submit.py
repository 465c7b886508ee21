"""The real SDK against a stub of the API server: what is sent, and what a user reads on failure."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli.main import main
from pipeline.cluster import submit

PROJECT = Path(__file__).resolve().parents[2]

SCRIPT = PROJECT / "kubeflow" / "submit.py"
EXAMPLE = PROJECT / "kubeflow" / "examples" / "sample-oss.yaml"


class StubServer(ThreadingHTTPServer):
    """Answers the calls of the SDK and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []
        self.queries: list[tuple[str, dict[str, str]]] = []
        self.known_pipelines: list[str] = []
        self.multi_user = False
        self.health: Any = None
        self.status = 200
        self.refused = "nothing"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bodies(self, end: str) -> list[Any]:
        """Returns the JSON bodies sent to paths of that end."""
        return [json.loads(body) for _, path, _, body in self.calls if path.endswith(end)]


class Handler(BaseHTTPRequestHandler):
    server: StubServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        self.server.queries.append((path, dict(urllib.parse.parse_qsl(query))))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.calls.append((self.command, path, headers, body))
        status = 403 if path.endswith(self.server.refused) else self.server.status
        answer = {"error": "no"} if status != 200 else self._content(path)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _content(self, path: str) -> Any:
        if path.endswith("/healthz"):
            return self.server.health or {"multi_user": self.server.multi_user}
        if path.endswith("/experiments"):
            made = {"experiment_id": "e-1", "display_name": "session-retrieval"}
            return made if self.command == "POST" else {"experiments": []}
        if path.endswith("/pipelines") and self.command == "GET":
            known = self.server.known_pipelines
            return {
                "pipelines": [{"pipeline_id": each, "display_name": "sample"} for each in known]
            }
        if path.endswith(("/upload", "/upload_version")):
            return {"pipeline_id": "p-1", "pipeline_version_id": "v-1"}
        if path.endswith("/runs"):
            return {"run_id": "r-1"}
        return {"recurring_run_id": "rr-1"}

    def log_message(self, format: str, *args: Any) -> None:
        """Stays silent."""


@pytest.fixture
def server() -> Iterator[StubServer]:
    stub = StubServer()
    thread = threading.Thread(target=stub.serve_forever, daemon=True)
    thread.start()
    yield stub
    stub.shutdown()
    stub.server_close()


def _submit(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        # A home of its own: the SDK keeps a context file in it.
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **environment},
    )


def test_a_run_carries_the_specification_the_values_and_the_root(
    server: StubServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n", "utf-8")
    done = _submit(
        *("run", str(EXAMPLE), "--host", server.url, "--token-file", str(token)),
        *(
            "--parameter",
            "max_epochs=3",
            "--parameter",
            "data_folder=gs://bucket/7",
            "--name",
            "mine",
        ),
        *("--service-account", "runner", "--no-cache"),
        home=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "Run r-1 was submitted" in done.stdout
    (sent,) = server.bodies("/runs")
    spec, platform = yaml.safe_load_all(EXAMPLE.read_text("utf-8"))
    assert sent["display_name"] == "mine"
    assert sent["experiment_id"] == "e-1"
    assert sent["service_account"] == "runner"
    assert sent["runtime_config"] == {
        "parameters": {"max_epochs": 3, "data_folder": "gs://bucket/7"},
        "pipeline_root": spec["defaultPipelineRoot"],
    }
    tasks = sent["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]
    assert set(tasks) == set(spec["root"]["dag"]["tasks"])
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in tasks.values())
    assert sent["pipeline_spec"]["platform_spec"] == platform
    assert all(h.get("authorization") == "Bearer secret" for _, _, h, _ in server.calls)


def test_a_schedule_runs_one_at_a_time_and_does_not_catch_up(
    server: StubServer, tmp_path: Path
) -> None:
    done = _submit(
        *("schedule", str(EXAMPLE), "--host", server.url, "--cron", "0 0 4 * * *"), home=tmp_path
    )
    assert done.returncode == 0, done.stderr
    (sent,) = server.bodies("/recurringruns")
    assert sent["trigger"]["cron_schedule"]["cron"] == "0 0 4 * * *"
    assert sent["max_concurrency"] == "1" or sent["max_concurrency"] == 1
    assert sent["no_catchup"] is True
    assert sent["runtime_config"]["pipeline_root"].startswith("minio://")


@pytest.mark.parametrize(
    ("known", "version", "sent", "said"),
    [
        (False, "v7", ["upload sample", "upload_version v7"], "Version v7 of pipeline sample"),
        (False, None, ["upload sample"], "Version sample of the new pipeline sample"),
        # The server would refuse a second version of the name it has just given.
        (False, "sample", ["upload sample"], "Version sample of the new pipeline sample"),
        (True, "v7", ["upload_version v7"], "Version v7 of pipeline sample"),
        (True, None, ["upload_version 20"], "Version 20"),
    ],
)
def test_an_upload_is_a_version_of_a_known_or_a_new_pipeline(
    server: StubServer, tmp_path: Path, known: bool, version: str | None, sent: list[str], said: str
) -> None:
    server.known_pipelines = ["p-1"] if known else []
    named = ["--version", version] if version else []
    done = _submit("upload", str(EXAMPLE), "--host", server.url, *named, home=tmp_path)
    assert done.returncode == 0, done.stderr
    posted = [
        (path.rpartition("/")[2], query, body)
        for (method, path, _, body), (_, query) in zip(server.calls, server.queries, strict=True)
        if method == "POST"
    ]
    assert len(posted) == len(sent)
    for (path, query, body), words in zip(posted, sent, strict=True):
        assert f"{path} {query['name']}".startswith(words)
        assert query.get("pipelineid") == ("p-1" if path == "upload_version" else None)
        assert EXAMPLE.read_bytes()[:500] in body
    assert said in done.stdout


def test_a_version_of_no_one_knows_which_pipeline_is_refused(
    server: StubServer, tmp_path: Path
) -> None:
    server.known_pipelines = ["p-1", "p-2"]
    done = _submit("upload", str(EXAMPLE), "--host", server.url, home=tmp_path)
    assert done.returncode == 1
    assert "2 pipelines are named sample (p-1, p-2)" in done.stderr and "--name" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for method, path, *_ in server.calls if method == "POST"]


def test_an_upload_looks_for_the_pipeline_where_it_would_be_made(
    server: StubServer, tmp_path: Path
) -> None:
    server.multi_user = True
    done = _submit(
        *("upload", str(EXAMPLE), "--host", server.url, "--namespace", "team-a"),
        *("--name", "mine"),
        home=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    queries = {path.rpartition("/")[2]: query for path, query in server.queries}
    assert queries["pipelines"]["namespace"] == queries["upload"]["namespace"] == "team-a"
    (predicate,) = json.loads(queries["pipelines"]["filter"])["predicates"]
    assert (predicate["key"], predicate["stringValue"]) == ("display_name", "mine")
    assert queries["upload"]["name"] == "mine"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "401 Unauthorized: the token is missing or has expired"),
        (403, "may not do this in the namespace"),
        (404, "not an address of Kubeflow Pipelines' API"),
        (500, "500 Internal Server Error: the server says"),
    ],
)
def test_a_refusal_says_what_to_do(server: StubServer, status: int, words: str) -> None:
    server.status = status
    with pytest.raises(submit.SubmitError) as error:
        submit.check_host(server.url, "token", None)
    assert words in str(error.value)


def test_a_refusal_behind_the_health_check_is_one_sentence_too(
    server: StubServer, tmp_path: Path
) -> None:
    server.refused = "/experiments"
    done = _submit("run", str(EXAMPLE), "--host", server.url, home=tmp_path)
    assert done.returncode == 1
    assert "403 Forbidden: the account may not do this in the namespace" in done.stderr
    assert "Traceback" not in done.stderr


def test_several_users_need_a_namespace(server: StubServer) -> None:
    server.multi_user = True
    with pytest.raises(submit.SubmitError, match="choose one by --namespace"):
        submit.check_host(server.url, None, None)
    submit.check_host(server.url, None, "team-a")


def test_an_unreachable_host_is_one_sentence_with_the_way_out() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(submit.SubmitError) as error:
        submit.check_host(url, None, None)
    assert f"Could not connect to {url}" in str(error.value) and "port-forward" in str(error.value)


@pytest.mark.parametrize("host", ["", "localhost:8080", "ftp://x"])
def test_a_host_that_is_not_a_url_is_refused(host: str) -> None:
    with pytest.raises(submit.SubmitError, match="--host must be a URL such as"):
        submit.check_host(host, None, None)


def test_nothing_is_sent_for_a_file_or_values_that_cannot_run(
    server: StubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(EXAMPLE.read_text("utf-8").replace("schemaVersion: 2.1.0", ""), "utf-8")
    vertex = EXAMPLE.with_name("sample-vertex.json")
    for file, more, words in (
        (bad, [], "schemaVersion must be 2.1.0"),
        (EXAMPLE, ["--parameter", "epoch=3"], "no parameter epoch: there are"),
        (vertex, [], "is for Vertex"),
        (
            EXAMPLE,
            ["--parameter", "push_folder=minio://bucket/pushed"],
            "Pusher: push_folder is minio://bucket/pushed, which neither TFX nor the launcher",
        ),
        (
            EXAMPLE,
            ["--parameter", "data_folder=/mnt/elsewhere"],
            "SessionExampleGen: data_folder is /mnt/elsewhere, and no volume is mounted there",
        ),
        (
            EXAMPLE,
            ["--parameter", "data_folder=1e5"],
            "data_folder must be an absolute path or gs://, got '1e5'",
        ),
        (
            EXAMPLE,
            ["--parameter", "push_folder=/mnt/session-retrieval/pushed[1]"],
            "Pusher: push_folder must have none of * ? [",
        ),
        (EXAMPLE, ["--pipeline-root", "minio://b/[1]"], "the pipeline root must have none of"),
        (EXAMPLE, ["--pipeline-root", "/mnt/b"], "the pipeline root must start with gs://"),
        (EXAMPLE, ["--parameter", f"max_epochs={'x' * 5000}"], f"{'x' * 200}' and 4,800 more"),
        (EXAMPLE, ["--parameter", "max_epochs=1_0"], "max_epochs must be a whole number"),
        (EXAMPLE, ["--token-file", str(tmp_path / "none")], "--token-file cannot be read"),
    ):
        assert main(["submit", "run", str(file), "--host", server.url, *more]) == 1
        errors = capsys.readouterr().err
        assert words in errors and "x" * 201 not in errors
    assert server.calls == []


def test_vertexs_own_sdk_takes_the_file_and_the_values_of_a_run() -> None:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform

    def job(**values: Any) -> Any:
        made = aiplatform.PipelineJob(
            display_name="sample",
            template_path=str(EXAMPLE.with_name("sample-vertex.json")),
            location="europe-west4",
            project="example-project",
            credentials=AnonymousCredentials(),
            parameter_values=values,
        )
        return made.to_dict()

    made = job(max_epochs=3, data_folder="gs://bucket/7")
    spec, _ = yaml.safe_load_all(EXAMPLE.read_text("utf-8"))
    tasks = made["pipelineSpec"]["root"]["dag"]["tasks"]
    assert set(tasks) == set(spec["root"]["dag"]["tasks"])
    values = made["runtimeConfig"]["parameterValues"]
    assert (values["max_epochs"], values["data_folder"]) == (3, "gs://bucket/7")
    assert made["runtimeConfig"]["gcsOutputDirectory"].startswith("gs://")
    with pytest.raises(ValueError, match="epoch is not found"):
        job(epoch=3)


def test_a_server_that_answers_something_else_is_refused(server: StubServer) -> None:
    server.health = ["fine"]
    with pytest.raises(submit.SubmitError, match="not an address of Kubeflow Pipelines' API"):
        submit.check_host(server.url, None, None)
