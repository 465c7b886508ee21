"""Reads and writes the folders that outlive a run."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_constants

MODEL = "model"
STATISTICS = "statistics"
PUSH_FOLDER = "push_folder"
FOLDER = "folder"
SOURCE_DIGEST = "source_digest"
# Written last by TFX's Pusher and by TensorFlow, so that a version that has it is whole.
SAVED_MODEL = "saved_model.pb"
# Written last, for the same reason.
PROPERTIES = "artifact.json"
# Orchestrators that give every output exactly one artifact cannot say "none" in another way; the
# entrypoint of Kubeflow's containers leaves out inputs that have this property at 0.
FOUND = "found"
KEPT = 3


def versions(folder: str, last_file: str) -> list[str]:
    """Returns the paths of the numbered subfolders that are whole, the newest last."""
    if not fileio.exists(folder):
        return []
    names = [name.rstrip("/") for name in fileio.listdir(folder)]
    paths = [os.path.join(folder, name) for name in sorted(filter(str.isdigit, names), key=int)]
    return [path for path in paths if fileio.exists(os.path.join(path, last_file))]


class LatestPushedModelExecutor(base_executor.BaseExecutor):
    """Executor of LatestPushedModel."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the newest pushed version to where TFX expects a Model's SavedModel."""
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(output_dict[MODEL])
        found = versions(exec_properties[PUSH_FOLDER], SAVED_MODEL)
        model.set_int_custom_property(FOUND, int(bool(found)))
        if not found:
            print(f"No model was pushed to {exec_properties[PUSH_FOLDER]} yet", flush=True)
            return
        place = os.path.join(model.uri, path_constants.SERVING_MODEL_DIR)
        io_utils.copy_dir(found[-1], place)
        model.set_string_custom_property("pushed_version", os.path.basename(found[-1]))
        print(f"The last pushed model is {found[-1]}", flush=True)


class KeptStatisticsExecutor(base_executor.BaseExecutor):
    """Executor of KeptStatistics."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the newest kept statistics."""
        self._log_startup(input_dict, output_dict, exec_properties)
        statistics = artifact_utils.get_single_instance(output_dict[STATISTICS])
        found = versions(exec_properties[FOLDER], PROPERTIES)
        statistics.set_int_custom_property(FOUND, int(bool(found)))
        if not found:
            print(f"No data were accepted in {exec_properties[FOLDER]} yet", flush=True)
            return
        with fileio.open(os.path.join(found[-1], PROPERTIES), "r") as file:
            statistics.split_names = json.load(file)["split_names"]
        io_utils.copy_dir(found[-1], statistics.uri)
        print(f"The last accepted data are {found[-1]}", flush=True)


class StatisticsKeeperExecutor(base_executor.BaseExecutor):
    """Executor of StatisticsKeeper."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies this run's statistics into a new version and removes the oldest ones."""
        self._log_startup(input_dict, output_dict, exec_properties)
        statistics = artifact_utils.get_single_instance(input_dict[STATISTICS])
        folder = exec_properties[FOLDER]
        place = os.path.join(folder, str(int(time.time() * 1000)))
        io_utils.copy_dir(statistics.uri, place)
        with fileio.open(os.path.join(place, PROPERTIES), "w") as file:
            file.write(json.dumps({"split_names": statistics.split_names}))
        for old in versions(folder, PROPERTIES)[:-KEPT]:
            fileio.rmtree(old)
        print(f"These data are kept as {place}", flush=True)
