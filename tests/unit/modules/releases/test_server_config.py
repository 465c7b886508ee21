"""TensorFlow Serving's configuration, read back as the server's own messages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from modules.releases.record import PROMOTE, TRY, WITHDRAW, folder_of, record
from modules.releases.server_config import (
    BASE_PATH,
    BATCHING_FILE,
    FILE,
    METRICS_PATH,
    MODEL_NAME,
    MONITORING_FILE,
)
from modules.releases.versions import settle, version_numbers
from serving import client
from tests import file_uris
from tests.server_messages import message


def _read(folder: Path) -> model_server_config_pb2.ModelConfig:
    text = (Path(folder_of(str(folder))) / FILE).read_text("utf-8")
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    return model


@pytest.mark.parametrize("name_of", [str, file_uris.uri], ids=["path", "URI"])
def test_labels_are_those_of_what_is_released_and_on_trial(tmp_path: Path, name_of) -> None:
    pushed = tmp_path / "pushed"
    settle(name_of(pushed))
    assert not Path(folder_of(str(pushed))).exists()  # no version to load yet
    for version in ("1", "2", "3"):
        (pushed / version).mkdir(parents=True)
    record(name_of(pushed), TRY, "3")
    settle(name_of(pushed))
    model = _read(pushed)
    assert (model.name, model.base_path, model.model_platform) == (
        *(MODEL_NAME, BASE_PATH, "tensorflow"),
    )
    assert dict(model.version_labels) == {"stable": 2, "canary": 3}
    assert model.model_version_policy.latest.num_versions == 3
    record(name_of(pushed), WITHDRAW, "3")
    settle(name_of(pushed))
    assert dict(_read(pushed).version_labels) == {"stable": 2}


class RunningServer:
    """What is documented of a server that polls models and configuration.

    It loads the newest versions as the last accepted configuration says. One that gives a label
    another version than it has is refused as a whole, unless that version is loaded.
    https://www.tensorflow.org/tfx/serving/serving_config#assigning_string_labels_to_model_versions_to_simplify_canary_and_rollback
    """

    def __init__(self, pushed: Path) -> None:
        self._pushed, self._number, self.loaded = pushed, 0, set[int]()
        self.labels: dict[str, int] = {}
        self.poll_config()

    def poll_models(self) -> None:
        self.loaded = set(sorted(version_numbers(str(self._pushed)))[-self._number :])

    def poll_config(self) -> None:
        model = _read(self._pushed)
        moved = dict(model.version_labels).items() - self.labels.items()
        if all(version in self.loaded for label, version in moved if label in self.labels):
            self.labels = dict(model.version_labels)
            self._number = model.model_version_policy.latest.num_versions
            self.poll_models()


def test_a_running_server_follows_pushes_and_rollbacks_and_stable_stays_loaded(
    tmp_path: Path,
) -> None:
    pushed = tmp_path / "pushed"

    def push(version: int, is_canary: bool = False) -> None:
        (pushed / f"{version}").mkdir(parents=True)
        if is_canary:
            record(str(pushed), TRY, f"{version}")
        settle(str(pushed))

    push(1)
    server = RunningServer(pushed)
    steps = [
        (lambda: push(2), {"stable": 2}),
        (lambda: push(3), {"stable": 3}),
        (lambda: push(4, is_canary=True), {"stable": 3, "canary": 4}),
        (lambda: push(5, is_canary=True), {"stable": 3, "canary": 5}),
        (lambda: push(6, is_canary=True), {"stable": 3, "canary": 6}),
        (lambda: record(str(pushed), PROMOTE, "6"), {"stable": 6}),
        (lambda: push(7), {"stable": 7}),
        (lambda: record(str(pushed), WITHDRAW, "7"), {"stable": 6}),
        (lambda: push(8, is_canary=True), {"stable": 6, "canary": 8}),
    ]
    for act, wanted in steps:
        act()
        is_rollback = wanted["stable"] < server.labels["stable"]
        settle(str(pushed))
        for _ in range(2):
            server.poll_models()
            # After a rollback the label names a version that is gone until the next poll.
            assert server.labels["stable"] in server.loaded or is_rollback
            server.poll_config()
        assert server.labels == wanted
        assert set(wanted.values()) <= server.loaded


def test_a_rollback_by_several_versions_is_followed(tmp_path: Path) -> None:
    pushed = tmp_path / "pushed"
    for version in range(1, 7):
        (pushed / f"{version}").mkdir(parents=True)
    settle(str(pushed))
    server = RunningServer(pushed)
    for version in ("4", "5", "6"):
        record(str(pushed), WITHDRAW, version)
    settle(str(pushed))
    server.poll_models()
    server.poll_config()
    assert (server.labels, server.loaded) == ({"stable": 3}, {2, 3})


def test_batching_and_monitoring_are_messages_of_the_server_and_stay_as_tuned(
    tmp_path: Path,
) -> None:
    (tmp_path / "pushed" / "1").mkdir(parents=True)
    settle(str(tmp_path / "pushed"))
    folder = Path(folder_of(str(tmp_path / "pushed")))
    batching = message("BatchingParameters")
    text_format.Parse((folder / BATCHING_FILE).read_text("utf-8"), batching)
    assert batching.max_batch_size.value > 1 and batching.num_batch_threads.value >= 1
    assert not batching.pad_variable_length_inputs
    monitoring = message("MonitoringConfig")
    text_format.Parse((folder / MONITORING_FILE).read_text("utf-8"), monitoring)
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == METRICS_PATH

    (folder / BATCHING_FILE).write_text("max_batch_size { value: 8 }\n", "utf-8")
    shutil.rmtree(tmp_path / "pushed" / "1")
    (tmp_path / "pushed" / "2").mkdir()
    settle(str(tmp_path / "pushed"))
    assert dict(_read(tmp_path / "pushed").version_labels) == {"stable": 2}
    assert (folder / BATCHING_FILE).read_text("utf-8") == "max_batch_size { value: 8 }\n"


def test_the_name_is_that_of_the_client() -> None:
    assert client.MODEL_NAME == MODEL_NAME
