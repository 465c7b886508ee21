"""TensorFlow Serving's configuration of a push folder: versions and labels, batching, monitoring.

Without `models.config` a server loads the highest version alone, and knows no labels.

A running server moves a label only to a version that it has loaded already, and reads nothing else
of a configuration that moves one to any other version. So `models.config` does not name versions:
it lets the server load the newest ones of the folder, one more than those from the lowest labelled
one on. A version that is pushed is then loaded by the configuration before, beside those that
serve, and once it is loaded the server accepts the configuration that moves the label to it.
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
BATCHING_FILE = "batching.config"
MONITORING_FILE = "monitoring.config"
MODEL_NAME = "session-retrieval"
BASE_PATH = f"/models/{MODEL_NAME}"
"""Where the server sees the push folder, as in `deploy/serving/`."""
METRICS_PATH = "/monitoring/prometheus/metrics"

# The server's BatchingParameters. Measured by benchmarks/batching.py, which prints them.
BATCHING = """\
# Read with --enable_batching alone, which not every use of a model bears: docs/serving.md.
max_batch_size { value: 64 }
batch_timeout_micros { value: 900 }
max_enqueued_batches { value: 18 }
num_batch_threads { value: 2 }
# The server would pad a session with its own first item, which changes what is recommended.
pad_variable_length_inputs: false
"""
# The server's MonitoringConfig.
MONITORING = f"""\
prometheus_config {{
  enable: true
  path: "{METRICS_PATH}"
}}
"""


def models_config(labels: Mapping[str, str]) -> str:
    """Returns the configuration as text of TensorFlow Serving's `ModelServerConfig`.

    Args:
      labels: label of each version, see `Releases.labels`; one is stable.
    """
    config = model_server_config_pb2.ModelServerConfig()
    model = config.model_config_list.config.add()
    model.name, model.base_path, model.model_platform = MODEL_NAME, BASE_PATH, "tensorflow"
    named = {label: int(version) for version, label in labels.items() if label in (STABLE, CANARY)}
    for label, version in named.items():
        model.version_labels[label] = version
    in_use = [version for version in labels if int(version) >= min(named.values())]
    model.model_version_policy.latest.num_versions = len(in_use) + 1
    text: str = text_format.MessageToString(config)
    return text


def write_server_config(push_folder: str, labels: Mapping[str, str]) -> None:
    """Writes the configuration beside the record of the releases.

    `models.config` follows the labels; the other two are written once, so that what is tuned in
    them stays.

    Args:
      push_folder: folder of all versions.
      labels: label of each version; nothing is written if none is stable.
    """
    if STABLE not in labels.values():
        return
    folder = folder_of(push_folder)
    place = place_of(folder, tensorflow_schemes)
    path, text = os.path.join(folder, FILE), models_config(labels)
    if not place.exists(path) or place.read_text(path) != text:
        place.write_text(path, text)
    for name, text in ((BATCHING_FILE, BATCHING), (MONITORING_FILE, MONITORING)):
        path = os.path.join(folder, name)
        if not place.exists(path):
            place.write_text(path, text)
