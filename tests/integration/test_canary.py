"""A worse model on trial: shoppers get it, the monitor says so, a rollback ends it, nobody fails.

Shoppers walk through the sample's own sessions: they send what they have clicked so far, and click
what comes next, whichever model answers.
"""

from __future__ import annotations

import http.client
import itertools
import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import trainer
from modules.releases.record import TRY, record
from pipeline.cli.exit_statuses import ExitStatus
from pipeline.cli.main import main
from serving import pushed_models
from serving.catalog_refresh import refresh
from serving.server import run
from serving.server.model_store import ModelStore
from serving.server.predictor import Settings
from serving.server.request_log import LogOptions

PREDICT = "/v1/models/session-retrieval:predict"
STABLE, CANARY = 1_700_000_000, 1_700_000_001
SHARE = 0.2
THREADS = 4


class Shoppers:
    """Threads that walk through sessions, again and again under other ids, until the end."""

    def __init__(self, port: int, sessions: Sequence[Sequence[str]]) -> None:
        self.clicks: list[tuple[str, str, float]] = []
        self.versions: Counter[str] = Counter()
        self.failures: list[str] = []
        self._port, self._numbers, self._sessions = port, itertools.count(), sessions
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._walk) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def _walk(self) -> None:
        connection = http.client.HTTPConnection("localhost", self._port, timeout=60)
        while not self._end.is_set():
            number = next(self._numbers)
            items = self._sessions[number % len(self._sessions)]
            for place, item in enumerate(items):
                self.clicks.append((f"shopper-{number}", item, time.time()))
                try:
                    self._send(connection, f"shopper-{number}", items[: place + 1])
                except Exception as error:
                    self.failures.append(repr(error))
                    connection.close()

    def _send(self, connection: Any, session: str, items: Sequence[str]) -> None:
        body = json.dumps({"signature_name": "recommend", "inputs": [list(items)]})
        connection.request("POST", PREDICT, body, {"X-Session-Id": session})
        response = connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200 or not answer["outputs"]["item_ids"][0][0]:
            raise ValueError(f"{response.status}: {answer}")
        self.versions[response.headers["X-Model-Version"]] += 1

    def wait(self, is_enough: Callable[[Shoppers], bool]) -> None:
        """Waits until it is enough."""
        end = time.monotonic() + 200
        while not is_enough(self):
            assert time.monotonic() < end and not self.failures, self.failures[:3]
            time.sleep(0.05)

    def stop(self) -> None:
        """Lets them end their sessions."""
        self._end.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def worse(sample: Any, fn_args: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second model, trained for an epoch, which may recommend the less popular half alone."""
    folder = tmp_path_factory.mktemp("worse")
    trainer.run_fn(FnArgs(**fn_args(sample, folder / "run", max_epochs=1, source_digest="second")))
    model = folder / "run" / "model"
    items = pushed_models.known_items(model)
    (folder / "items.txt").write_text("\n".join(items[len(items) // 2 :]))
    return refresh(model, folder / "items.txt", folder / "pushed", least_share=0.1).folder


def test_a_worse_canary_is_noticed_and_rolled_back_and_no_request_fails(
    trained: Any, worse: Path, sample: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, log = tmp_path / "out", tmp_path / "requests"
    pushed = out / "pushed"
    shutil.copytree(trained.folder / "model", pushed / str(STABLE))
    store = ModelStore(lambda: pushed_models.released_models([pushed]))
    server = run.start(store, settings=Settings(canary_share=SHARE, log=LogOptions(log)))
    store.watch(0.1)
    sessions = [*sample.sessions["train"], *sample.sessions["eval"]]
    shoppers = Shoppers(server.server_port, sessions)
    try:
        shoppers.wait(lambda seen: seen.versions[str(STABLE)] > 100)
        record(str(pushed), TRY, str(CANARY), by="Pusher")  # as with releases.new_versions: canary
        shutil.copytree(worse, pushed / str(CANARY))
        shoppers.wait(lambda seen: seen.versions[str(CANARY)] > 400)
        before = shoppers.versions.copy()

        clicks = tmp_path / "clicks.tsv"
        rows = [f"{session}\t{item}\t{at:.3f}" for session, item, at in list(shoppers.clicks)]
        clicks.write_text("\n".join(["SessionId\tItemId\tTime", *rows, ""]))
        time.sleep(1.5)  # the log is written once a second
        given = ["--requests", str(log), "--clicks", str(clicks), "--models", str(pushed)]
        results = tmp_path / "monitor"
        capsys.readouterr()
        assert main(["monitor", *given, "--to", str(results)]) == ExitStatus.EXCEEDED
        said = capsys.readouterr().out
        assert "worse" in said
        found = json.loads((results / "monitor.json").read_text())
        assert {row["label"] for row in found["groups"]} == {"stable", "canary"}

        words = ["--out", str(out), "--by", "ann", "--why", "worse by the monitor"]
        assert main(["releases", "rollback", *words]) == 0
        store.refresh()
        # Requests that began before have ended once each thread has had some more.
        answered = shoppers.versions.total()
        shoppers.wait(lambda seen: seen.versions.total() > answered + 10 * THREADS)
        after = shoppers.versions.copy()
        shoppers.wait(lambda seen: seen.versions[str(STABLE)] > after[str(STABLE)] + 200)
        assert shoppers.versions[str(CANARY)] == after[str(CANARY)]
    finally:
        shoppers.stop()
        store.close()
        server.shutdown()
    assert shoppers.failures == []
    share = before[str(CANARY)] / (before.total() - 100)
    assert share == pytest.approx(SHARE, abs=0.12)
    assert (out / "pushed_withdrawn" / str(CANARY)).is_dir()
