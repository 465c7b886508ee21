"""Reads and writes the folders that outlive a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_constants

from modules.files import file_digests
from modules.files.file_digests import FileDigest
from modules.files.model_metadata import model_damage, next_version, version_numbers

MODEL = "model"
STATISTICS = "statistics"
PUSH_FOLDER = "push_folder"
FOLDER = "folder"
SOURCE_DIGEST = "source_digest"
# Written last into a folder of kept statistics, so that one that has it is whole.
PROPERTIES = "artifact.json"
# Orchestrators that give every output exactly one artifact cannot say "none" in another way; the
# entrypoint of Kubeflow's containers leaves out inputs that have this property at 0.
FOUND = "found"
KEPT = 3


def newest_whole(folder: str, damage_of: Callable[[str], str | None]) -> str | None:
    """Returns the newest numbered subfolder that is whole, None if there is none.

    Args:
      folder: of all versions.
      damage_of: says what is wrong with a version, None if nothing is.
    """
    for number in sorted(version_numbers(folder), reverse=True):
        path = os.path.join(folder, str(number))
        damage = damage_of(path)
        if damage is None:
            return path
        print(f"{path} is passed over: {damage}", flush=True)
    return None


def _read_properties(folder: str) -> tuple[str, dict[str, FileDigest]]:
    """Reads the split names and the digests that StatisticsKeeper wrote.

    Raises:
      ValueError: they are damaged.
    """
    with fileio.open(os.path.join(folder, PROPERTIES), "r") as file:
        content = json.load(file)
    try:
        # Versions of this package before there were digests kept none.
        return str(content["split_names"]), file_digests.from_json(content.get("files", {}))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{PROPERTIES} is not a record of statistics: {error!r}") from error


def _statistics_damage(folder: str) -> str | None:
    if not fileio.exists(os.path.join(folder, PROPERTIES)):
        return f"{PROPERTIES} is missing"
    try:
        return file_digests.damage(folder, _read_properties(folder)[1])
    except ValueError as error:
        return f"{PROPERTIES} is damaged: {error}"


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
        found = newest_whole(exec_properties[PUSH_FOLDER], model_damage)
        model.set_int_custom_property(FOUND, int(found is not None))
        if found is None:
            print(f"No model was pushed to {exec_properties[PUSH_FOLDER]} yet", flush=True)
            return
        place = os.path.join(model.uri, path_constants.SERVING_MODEL_DIR)
        io_utils.copy_dir(found, place)
        model.set_string_custom_property("pushed_version", os.path.basename(found))
        print(f"The last pushed model is {found}", flush=True)


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
        found = newest_whole(exec_properties[FOLDER], _statistics_damage)
        statistics.set_int_custom_property(FOUND, int(found is not None))
        if found is None:
            print(f"No data were accepted in {exec_properties[FOLDER]} yet", flush=True)
            return
        statistics.split_names = _read_properties(found)[0]
        io_utils.copy_dir(found, statistics.uri)
        print(f"The last accepted data are {found}", flush=True)


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
        place = next_version(folder)
        io_utils.copy_dir(statistics.uri, place)
        files = file_digests.as_json(file_digests.folder_digests(place))
        with fileio.open(os.path.join(place, PROPERTIES), "w") as file:
            file.write(json.dumps({"split_names": statistics.split_names, "files": files}))
        for old in sorted(version_numbers(folder))[:-KEPT]:
            fileio.rmtree(os.path.join(folder, str(old)))
        print(f"These data are kept as {place}", flush=True)
