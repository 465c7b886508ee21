"""Nodes that read and write the folders that outlive a run."""

import json
import os
from collections.abc import Callable

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.utils import io_utils, path_constants

from modules.files import file_digests
from modules.files.file_digests import FileDigest
from modules.files.model_folder import model_damage
from modules.files.model_versions import PUSHED_VERSION, next_version, version_numbers
from modules.found import FOUND

# Written last into a folder of kept statistics, so that a folder with it is complete.
PROPERTIES = "artifact.json"
KEPT = 3


def newest_whole(folder: str, damage_of: Callable[[str], str | None]) -> str | None:
    """Returns the newest intact version, None if there is none.

    Args:
      folder: folder of all versions.
      damage_of: returns what is wrong with a version, None if nothing is.
    """
    for number in sorted(version_numbers(folder), reverse=True):
        path = os.path.join(folder, str(number))
        damage = damage_of(path)
        if damage is None:
            return path
        print(f"{path} is skipped: {damage}", flush=True)
    return None


def _read_properties(folder: str) -> tuple[str, dict[str, FileDigest]]:
    """Reads split names and digests of kept statistics; raises ValueError if they are damaged."""
    with fileio.open(os.path.join(folder, PROPERTIES), "r") as file:
        content = json.load(file)
    try:
        # Former versions kept no digests.
        return str(content["split_names"]), file_digests.from_json(content.get("files", {}))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"unexpected content: {error!r}") from error


def _statistics_damage(folder: str) -> str | None:
    if not fileio.exists(os.path.join(folder, PROPERTIES)):
        return f"{PROPERTIES} is missing"
    try:
        return file_digests.damage(folder, _read_properties(folder)[1])
    except ValueError as error:
        return f"{PROPERTIES} is damaged: {error}"


@component
def LatestPushedModel(
    model: OutputArtifact[standard_artifacts.Model],
    push_folder: Parameter[str],
    newest: Parameter[str] = "",
    source_digest: Parameter[str] = "",
) -> None:
    """Finds the newest model in the push folder, which has only blessed ones: the one that serves.

    Args:
      model: output; a copy of it. Its property `found` is 0 if none was pushed yet.
      push_folder: the Pusher's base directory.
      newest: name of the newest version, so that TFX's cache sees a push; "" where nothing is
        cached.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    found = newest_whole(push_folder, model_damage)
    model.set_int_custom_property(FOUND, int(found is not None))
    if found is None:
        print(f"No model has been pushed to {push_folder} yet", flush=True)
        return
    io_utils.copy_dir(found, os.path.join(model.uri, path_constants.SERVING_MODEL_DIR))
    model.set_string_custom_property(PUSHED_VERSION, os.path.basename(found))
    print(f"The last pushed model is {found}", flush=True)


@component
def KeptStatistics(
    statistics: OutputArtifact[standard_artifacts.ExampleStatistics],
    folder: Parameter[str],
    source_digest: Parameter[str] = "",
) -> None:
    """Finds the statistics that StatisticsKeeper kept last.

    Args:
      statistics: output; a copy of them. Its property `found` is 0 if none were kept yet.
      folder: the keeper's folder.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    found = newest_whole(folder, _statistics_damage)
    statistics.set_int_custom_property(FOUND, int(found is not None))
    if found is None:
        print(f"No accepted data in {folder} yet", flush=True)
        return
    statistics.split_names = _read_properties(found)[0]
    io_utils.copy_dir(found, statistics.uri)
    print(f"The last accepted data are {found}", flush=True)


@component
def StatisticsKeeper(
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    folder: Parameter[str],
    source_digest: Parameter[str] = "",
) -> None:
    """Keeps a copy of statistics in a folder, for later runs.

    It must run after the data gate, `keeper.add_upstream_node(data_gate)`, so that no run is
    compared with refused data.

    Args:
      statistics: statistics of this run's data.
      folder: parent of one numbered subfolder per run; only the newest few are kept.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    place = next_version(folder)
    io_utils.copy_dir(statistics.uri, place)
    files = file_digests.as_json(file_digests.folder_digests(place))
    with fileio.open(os.path.join(place, PROPERTIES), "w") as file:
        file.write(json.dumps({"split_names": statistics.split_names, "files": files}))
    for old in sorted(version_numbers(folder))[:-KEPT]:
        fileio.rmtree(os.path.join(folder, str(old)))
    print(f"These data are kept as {place}", flush=True)
