"""Nodes that read and write the folders that outlive a run."""

import os
from collections.abc import Iterator

from tfx import types
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import io_utils, path_constants

from components.previous_run import kept_folders
from modules.copies.restricted_model import UNTIL, read_restriction, trained_version
from modules.daily.artifacts import evaluated_day, first_evaluated_start
from modules.daily.model_day import is_earlier, read_day
from modules.files.learned_data import read_learned
from modules.files.local_copies import copy_folder
from modules.found import FOUND
from modules.releases.versions import PUSHED_VERSION, usable_versions

_SPLITS = "split_names"


@component
def LatestPushedModel(
    model: OutputArtifact[standard_artifacts.Model],
    push_folder: Parameter[str],
    examples: InputArtifact[standard_artifacts.Examples] = None,
    newest: Parameter[str] = "",
    source_digest: Parameter[str] = "",
) -> None:
    """Finds the newest model in the push folder, which has only blessed ones: the one that serves.

    Of one that was refreshed by clicks it is the model as it was trained: the refreshed one may
    have learned the very clicks that both models are evaluated on.

    For a past day of a window it is the newest of an earlier day: the one that served then. If
    there is none, it is the newest all the same, and the gate says why it leaves it out.

    Args:
      model: output; a copy of it. Its property `found` is 0 if none was pushed yet.
      push_folder: the Pusher's base directory.
      examples: this run's examples, which say the evaluated day.
      newest: name of the newest version, so that TFX's cache sees a push; "" where nothing is
        cached.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    found = _model_that_served(usable_versions(push_folder), examples)
    model.set_int_custom_property(FOUND, int(found is not None))
    if found is None:
        print(f"No model has been pushed to {push_folder} yet", flush=True)
        return
    if UNTIL in (read_restriction(found) or {}):
        found = trained_version(found)
    copy_folder(found, os.path.join(model.uri, path_constants.SERVING_MODEL_DIR))
    model.set_string_custom_property(PUSHED_VERSION, os.path.basename(found))
    print(f"The last pushed model is {found}", flush=True)


def _model_that_served(versions: Iterator[str], examples: types.Artifact | None) -> str | None:
    """Returns the newest version, of a past day the one that served then; None without versions.

    Versions are read one by one: after a year there are hundreds.
    """
    day, newest = evaluated_day(examples), None
    for version in versions:
        newest = newest or version
        if day is None or _is_before(version, day, first_evaluated_start(examples)):
            return version
    return newest


def _is_before(version: str, day: str, start: int | None) -> bool:
    """Returns whether a version is of an earlier day, by its sessions' times if it has none."""
    if (is_before := is_earlier(read_day(version), day)) is not None:
        return is_before
    learned = read_learned(version)
    return learned is not None and start is not None and learned.last_start < start


@component
def KeptStatistics(
    statistics: OutputArtifact[standard_artifacts.ExampleStatistics],
    folder: Parameter[str],
    examples: InputArtifact[standard_artifacts.Examples] = None,
    source_digest: Parameter[str] = "",
) -> None:
    """Finds the statistics that StatisticsKeeper kept last, of the day before in a window of days.

    Args:
      statistics: output; a copy of them. Its property `found` is 0 if none were kept yet.
      examples: this run's examples, which say the evaluated day.
      folder: the keeper's folder.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    found = kept_folders.find(folder, examples, required=[_SPLITS])
    statistics.set_int_custom_property(FOUND, int(found is not None))
    if found is None:
        print(f"No accepted data in {folder} yet", flush=True)
        return
    statistics.split_names = str(found.properties[_SPLITS])
    io_utils.copy_dir(found.path, statistics.uri)
    print(f"The last accepted data are {found.path}", flush=True)


@component
def StatisticsKeeper(
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    folder: Parameter[str],
    examples: InputArtifact[standard_artifacts.Examples] = None,
    source_digest: Parameter[str] = "",
) -> None:
    """Keeps a copy of statistics in a folder, for later runs.

    It must run after the data gate, `keeper.add_upstream_node(data_gate)`, so that no run is
    compared with refused data.

    Args:
      statistics: statistics of this run's data.
      folder: parent of one numbered subfolder per run; only the newest few are kept.
      examples: this run's examples, which say the evaluated day.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    properties = {_SPLITS: statistics.split_names}
    place = kept_folders.keep(statistics, folder, examples, properties)
    print(f"These data are kept as {place}", flush=True)
