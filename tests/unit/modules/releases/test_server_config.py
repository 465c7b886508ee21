"""TensorFlow Serving's configuration, read back as the server's own message."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from modules.releases.record import TRY, WITHDRAW, folder_of, record
from modules.releases.server_config import BASE_PATH, FILE, MODEL_NAME
from modules.releases.versions import settle
from serving import client
from tests import file_uris

PROJECT = Path(__file__).resolve().parents[4]


def _read(folder: Path) -> model_server_config_pb2.ModelConfig:
    text = (Path(folder_of(str(folder))) / FILE).read_text("utf-8")
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    return model


@pytest.mark.parametrize("name_of", [str, file_uris.uri], ids=["path", "URI"])
def test_the_server_loads_what_is_released_and_on_trial(tmp_path: Path, name_of) -> None:
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
    assert list(model.model_version_policy.specific.versions) == [2, 3]
    assert dict(model.version_labels) == {"stable": 2, "canary": 3}
    record(name_of(pushed), WITHDRAW, "3")
    settle(name_of(pushed))
    assert dict(_read(pushed).version_labels) == {"stable": 2}


def test_names_are_those_of_the_client_and_of_the_compose_file() -> None:
    assert client.MODEL_NAME == MODEL_NAME
    compose = (PROJECT / "compose.yaml").read_text("utf-8")
    assert f"--model_name={MODEL_NAME}\n" in compose
    assert f"--model_base_path={BASE_PATH}\n" in compose
