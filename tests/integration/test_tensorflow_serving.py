"""TensorFlow Serving's binary, started as the manifests do, on pushed models and our configuration.

TF_SERVING_BIN names the binary, or `tensorflow_model_server` is found on PATH; without one these
tests are skipped, and nothing here was run.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import yaml
from tensorflow_serving.apis import prediction_log_pb2

from modules.releases.record import TRY, WITHDRAW, folder_of, record
from modules.releases.server_config import (
    BASE_PATH,
    BATCHING_FILE,
    FILE,
    METRICS_PATH,
    MODEL_NAME,
    MONITORING_FILE,
)
from modules.releases.versions import settle
from modules.serving.warmup_requests import FILE as WARM_UP
from serving.client import Client, ServerError
from serving.pushed_models import recommend
from tests.documents import PROJECT
from tests.local_ports import free_port

DOCUMENT = (PROJECT / "docs" / "serving.md").read_text("utf-8")
MANIFEST = PROJECT / "deploy" / "serving" / "kubernetes" / "tensorflow-serving.yaml"
MODEL = f"/v1/models/{MODEL_NAME}"
LONGEST = 120  # seconds that anything may take on a busy machine


@pytest.fixture(scope="module")
def binary() -> str:
    """The server's binary; without one the test is skipped before anything is trained."""
    found = os.environ.get("TF_SERVING_BIN") or shutil.which("tensorflow_model_server")
    if not found:
        pytest.skip("needs TensorFlow Serving: TF_SERVING_BIN, or tensorflow_model_server on PATH")
    return found


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + LONGEST
    while not is_so():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


class Served:
    """A push folder, and a server of it.

    The configuration names the folder in a container. A copy of it names the one here.
    """

    def __init__(self, folder: Path, model: Path) -> None:
        self.pushed, self.releases = folder / "pushed", folder / "releases"
        self.log = folder / "log"
        self._model = model
        self.releases.mkdir(parents=True)
        self.rest, self.grpc = free_port(), free_port()
        self.url, self.grpc_url = f"http://127.0.0.1:{self.rest}", f"grpc://127.0.0.1:{self.grpc}"

    def push(self, version: str) -> None:
        """Puts a version into the push folder, complete at once, as Pusher does."""
        unfinished = self.pushed.with_name(f"{version}.unfinished")
        shutil.copytree(self._model, unfinished)
        self.pushed.mkdir(exist_ok=True)
        unfinished.rename(self.pushed / version)
        self.settle()

    def settle(self) -> None:
        """Lets the configuration follow the releases."""
        settle(str(self.pushed))
        for name in (FILE, BATCHING_FILE, MONITORING_FILE):
            text = (Path(folder_of(str(self.pushed))) / name).read_text("utf-8")
            place = self.releases / name
            place.with_suffix(".new").write_text(text.replace(BASE_PATH, str(self.pushed)), "utf-8")
            place.with_suffix(".new").replace(place)

    def get(self, path: str) -> tuple[int, str]:
        """Returns status and text."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=LONGEST) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def version_of(self, label: str) -> str | None:
        """Returns the version that answers for a label, None if none does."""
        with contextlib.closing(Client(self.grpc_url, LONGEST)) as client:
            try:
                return client.answer(["x"], 1, label=label).version
            except ServerError:
                return None

    @contextlib.contextmanager
    def running(self, binary: str, *more: str) -> Iterator[None]:
        """Starts the server with the manifest's flags and others, until it serves `stable`."""
        command = [binary, *self._flags(), *more]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        ready = f"{MODEL}/labels/stable/metadata"  # as the readiness probe
        try:
            _until(lambda: process.poll() is not None or self.get(ready)[0] == 200)
            assert process.poll() is None, self.log.read_text("utf-8", "replace")[-3000:]
            yield
        finally:
            process.terminate()
            process.wait(LONGEST)

    def _flags(self) -> list[str]:
        documents = yaml.safe_load_all(MANIFEST.read_text("utf-8"))
        (flags,) = [
            document["spec"]["template"]["spec"]["containers"][0]["args"]
            for document in documents
            if document["kind"] == "Deployment"
        ]
        ports = {"--port=8500": f"--port={self.grpc}", "--rest_api_port=8501": ""}
        changed = [ports.get(flag, flag).replace("/releases", str(self.releases)) for flag in flags]
        return [*filter(None, changed), f"--rest_api_port={self.rest}"]


@pytest.fixture
def sessions(binary: str, sample: Any) -> list[list[str]]:
    return [list(items) for items in sample.sessions["train"][:40]]


@pytest.fixture
def served(binary: str, trained: Any, tmp_path: Path) -> Served:
    """A push folder with one version, which no server serves yet."""
    served = Served(tmp_path / "served", trained.folder / "model")
    served.push("1")
    return served


def _ids(rows: Any) -> list[list[str]]:
    return [[item.item_id for item in row] for row in rows]


def test_documented_calls(
    binary: str, served: Served, sessions: list[list[str]], saved_model: Any, capsys: Any
) -> None:
    known = _ids(recommend(saved_model, sessions, 10))
    session = next(items[:2] for items in sessions if len(set(items)) > 1)
    (expected,) = _ids(recommend(saved_model, [session], 100))

    def ported(text: str) -> str:
        for documented, here in {
            "localhost:8501": f"localhost:{served.rest}",
            "localhost:8500": f"localhost:{served.grpc}",
            "133278": session[0],
            "119698": session[1],
            "timeout=1.0": "timeout=60.0",
        }.items():
            text = text.replace(documented, here)
        return text

    with served.running(binary):
        for url in (served.url, served.grpc_url):
            for label in (None, "stable", "canary"):
                client = Client(url, LONGEST, label=label)
                assert _ids(client.answer(items, 10).items for items in sessions[:5]) == known[:5]
                client.close()
            assert _ids(Client(url, LONGEST).recommend(sessions, 10)) == known
        commands = re.findall(r"^curl .*?'$", DOCUMENT, re.DOTALL | re.MULTILINE)
        plain, filtered = [
            json.loads(subprocess.run(["sh", "-c", ported(text)], capture_output=True).stdout)
            for text in commands
        ]
        assert plain["predictions"][0]["item_ids"][: len(expected)] == expected
        without_session = [item for item in expected if item not in session][:10]
        assert filtered["outputs"]["item_ids"] == [without_session]
        (code,) = re.findall(r"```python\n(import grpc.*?)```", DOCUMENT, re.DOTALL)
        exec(compile(ported(code), "docs/serving.md", "exec"), {})
        assert re.findall(r"b'(\w+)'", capsys.readouterr().out) == expected[:10]
        assert served.get(METRICS_PATH)[1].count(":tensorflow:") > 0


def test_warm_up_is_done_before_a_version_serves(binary: str, served: Served) -> None:
    with served.running(binary):
        file = served.pushed / "1" / WARM_UP
        records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
        log = served.log.read_text("utf-8", "replace")
        assert re.search(rf"Number of warmup records read: {len(records)}\b", log), log[-3000:]
        client = Client(served.grpc_url, LONGEST)
        for record_ in records:
            request = prediction_log_pb2.PredictionLog.FromString(record_).predict_log.request
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            assert client.predict(request.model_spec.signature_name, inputs)


def test_a_running_server_follows_pushes_trials_and_rollbacks(
    binary: str, served: Served, sessions: list[list[str]]
) -> None:
    failures: list[str] = []
    end = threading.Event()

    def shop() -> None:
        client = Client(served.url, LONGEST, label="stable")
        while not end.is_set():
            try:
                client.answer(sessions[0], 10)
            except ServerError as error:
                failures.append(str(error))

    with served.running(binary), concurrent.futures.ThreadPoolExecutor(1) as pool:
        shopping = pool.submit(shop)
        try:
            served.push("2")
            _until(lambda: served.version_of("stable") == "2")
            record(str(served.pushed), TRY, "3")
            served.push("3")
            _until(lambda: served.version_of("canary") == "3")
            assert served.version_of("stable") == "2"
        finally:
            end.set()
            shopping.result()
        assert failures == []
        for version in ("2", "3"):
            record(str(served.pushed), WITHDRAW, version)
        served.settle()
        _until(lambda: served.version_of("stable") == "1")
        assert served.version_of("canary") == "1"  # the client's substitute


def test_batching_bears_sessions_of_one_length_alone(
    binary: str, served: Served, sessions: list[list[str]], saved_model: Any
) -> None:
    batching = f"--batching_parameters_file={served.releases / BATCHING_FILE}"
    same = [items[:2] for items in sessions if len(items) > 1]
    known = _ids(recommend(saved_model, same, 10))
    with served.running(binary, "--enable_batching", batching, "--enable_model_warmup=false"):
        client = Client(served.grpc_url, LONGEST)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            jobs = [pool.submit(client.answer, items, 10) for items in same]
        assert _ids(job.result().items for job in jobs) == known
        rules = {"k": 10, "exclude": [[""]], "allow": [[""]], "session_items": "drop"}
        with pytest.raises(ServerError, match="at least one dimension"):
            client.predict("recommend_filtered", {"item_ids": same[:1], **rules})
