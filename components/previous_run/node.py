"""Nodes that read and write the folders that outlive a run."""

import json
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tfx import types
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.utils import io_utils, path_constants

from modules.daily.artifacts import evaluated_span, first_evaluated_start
from modules.files import file_digests
from modules.files.file_digests import FileDigest
from modules.files.learned_data import read_learned
from modules.files.model_folder import model_damage
from modules.files.model_versions import PUSHED_VERSION, next_version, version_numbers
from modules.found import FOUND

# Written last into a folder of kept statistics, so that a folder with it is complete.
PROPERTIES = "artifact.json"
KEPT = 30  # days: a day that is run again is compared with the one before it
_SPLITS, _FILES, _SPAN = "split_names", "files", "span"


def whole_versions(folder: str, damage_of: Callable[[str], str | None]) -> Iterator[str]:
    """Yields the intact versions, the newest first.

    Args:
      folder: folder of all versions.
      damage_of: returns what is wrong with a version, None if nothing is.
    """
    for number in sorted(version_numbers(folder), reverse=True):
        path = os.path.join(folder, str(number))
        damage = damage_of(path)
        if damage is None:
            yield path
        else:
            print(f"{path} is skipped: {damage}", flush=True)


class _Properties(NamedTuple):
    """Properties of kept statistics; `span` is the evaluated one, -1 without a window of days."""

    split_names: str
    files: dict[str, FileDigest]
    span: int


def _read_properties(folder: str) -> _Properties:
    """Reads the properties of kept statistics; raises ValueError if they are damaged."""
    with fileio.open(os.path.join(folder, PROPERTIES), "r") as file:
        content = json.load(file)
    try:
        # Former versions kept neither digests nor spans.
        files = file_digests.from_json(content.get(_FILES, {}))
        return _Properties(str(content[_SPLITS]), files, int(content.get(_SPAN, -1)))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"unexpected content: {error!r}") from error


def _statistics_damage(folder: str) -> str | None:
    if not fileio.exists(os.path.join(folder, PROPERTIES)):
        return f"{PROPERTIES} is missing"
    try:
        return file_digests.damage(folder, _read_properties(folder).files)
    except ValueError as error:
        return f"{PROPERTIES} is damaged: {error}"


@component
def LatestPushedModel(
    model: OutputArtifact[standard_artifacts.Model],
    push_folder: Parameter[str],
    examples: InputArtifact[standard_artifacts.Examples] = None,
    newest: Parameter[str] = "",
    source_digest: Parameter[str] = "",
) -> None:
    """Finds the newest model in the push folder, which has only blessed ones: the one that serves.

    For a past day of a window it is the newest that learned no session of that day or later: the
    one that served then. If there is none, it is the newest all the same, and the gate says why it
    leaves it out.

    Args:
      model: output; a copy of it. Its property `found` is 0 if none was pushed yet.
      push_folder: the Pusher's base directory.
      examples: this run's examples, which say the evaluated day.
      newest: name of the newest version, so that TFX's cache sees a push; "" where nothing is
        cached.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    found = _model_that_served(list(whole_versions(push_folder, model_damage)), examples)
    model.set_int_custom_property(FOUND, int(found is not None))
    if found is None:
        print(f"No model has been pushed to {push_folder} yet", flush=True)
        return
    io_utils.copy_dir(found, os.path.join(model.uri, path_constants.SERVING_MODEL_DIR))
    model.set_string_custom_property(PUSHED_VERSION, os.path.basename(found))
    print(f"The last pushed model is {found}", flush=True)


def _model_that_served(versions: list[str], examples: types.Artifact | None) -> str | None:
    """Returns the newest version, of a past day the one that served then; None without versions."""
    newest = next(iter(versions), None)
    start = first_evaluated_start(examples)
    if start is None:
        return newest
    learned = ((version, read_learned(version)) for version in versions)
    return next((version for version, of in learned if of and of.last_start < start), newest)


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
    span = evaluated_span(examples)
    spans = {
        each: _read_properties(each).span for each in whole_versions(folder, _statistics_damage)
    }
    earlier = [each for each in spans if span is None or spans[each] < span]
    # Of equal spans, the first is the newest version.
    found = max(earlier, key=lambda each: 0 if span is None else spans[each], default=None)
    statistics.set_int_custom_property(FOUND, int(found is not None))
    if found is None:
        print(f"No accepted data in {folder} yet", flush=True)
        return
    statistics.split_names = _read_properties(found).split_names
    io_utils.copy_dir(found, statistics.uri)
    print(f"The last accepted data are {found}", flush=True)


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
    place = next_version(folder)
    io_utils.copy_dir(statistics.uri, place)
    files = file_digests.as_json(file_digests.folder_digests(place))
    with fileio.open(os.path.join(place, PROPERTIES), "w") as file:
        content = {_SPLITS: statistics.split_names, _FILES: files}
        if (span := evaluated_span(examples)) is not None:
            content[_SPAN] = span
        file.write(json.dumps(content))
    for old in sorted(version_numbers(folder))[:-KEPT]:
        fileio.rmtree(os.path.join(folder, str(old)))
    print(f"These data are kept as {place}", flush=True)
