"""TensorFlow Serving's configuration of a push folder: which versions it loads, under which labels.

Without it a server loads the highest version alone, and knows no labels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from modules.config.options.releases import CANARY, STABLE
from modules.files.file_systems import place_of, tensorflow_schemes
from modules.releases.record import folder_of

FILE = "models.config"
MODEL_NAME = "session-retrieval"
BASE_PATH = f"/models/{MODEL_NAME}"
"""Where the server sees the push folder, as in `compose.yaml`."""


def models_config(labels: Mapping[str, str]) -> str:
    """Returns the configuration as text of TensorFlow Serving's `ModelServerConfig`.

    Args:
      labels: label of each version, see `Releases.labels`; one is stable.
    """
    config = model_server_config_pb2.ModelServerConfig()
    model = config.model_config_list.config.add()
    model.name, model.base_path, model.model_platform = MODEL_NAME, BASE_PATH, "tensorflow"
    for version, label in labels.items():
        if label in (STABLE, CANARY):
            model.model_version_policy.specific.versions.append(int(version))
            model.version_labels[label] = int(version)
    text: str = text_format.MessageToString(config)
    return text


def write_models_config(push_folder: str, labels: Mapping[str, str]) -> None:
    """Writes the configuration beside the record of the releases, if it has changed."""
    if STABLE not in labels.values():
        return
    path, text = os.path.join(folder_of(push_folder), FILE), models_config(labels)
    place = place_of(path, tensorflow_schemes)
    if not place.exists(path) or place.read_text(path) != text:
        place.write_text(path, text)
