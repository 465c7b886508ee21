"""Nodes that keep verdicts of the model gate in a folder, and find the last one."""

import json
import os

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils

from components.previous_run.node import KEPT, whole_versions
from modules.files import file_digests
from modules.files.model_versions import next_version, version_numbers
from modules.found import FOUND

# Written last, so that a folder with it is complete.
DIGESTS = "digests.json"


@component
def KeptVerdict(
    verdict: OutputArtifact[simple_artifacts.Metrics],
    folder: Parameter[str],
    source_digest: Parameter[str] = "",
) -> None:
    """Finds the verdict that VerdictKeeper kept last.

    Args:
      verdict: output; a copy of it. Its property `found` is 0 if none was kept yet.
      folder: the keeper's folder.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    found = next(whole_versions(folder, _damage), None)
    verdict.set_int_custom_property(FOUND, int(found is not None))
    if found is None:
        print(f"No verdict in {folder} yet", flush=True)
        return
    io_utils.copy_dir(found, verdict.uri)
    print(f"The last verdict is {found}", flush=True)


@component
def VerdictKeeper(
    verdict: InputArtifact[simple_artifacts.Metrics],
    folder: Parameter[str],
    source_digest: Parameter[str] = "",
) -> None:
    """Keeps a copy of ModelGate's verdict in a folder, for later runs.

    Args:
      verdict: the verdict of this run.
      folder: parent of one numbered subfolder per run; only the newest few are kept.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    place = next_version(folder)
    io_utils.copy_dir(verdict.uri, place)
    digests = file_digests.as_json(file_digests.folder_digests(place))
    with fileio.open(os.path.join(place, DIGESTS), "w") as file:
        file.write(json.dumps(digests))
    for old in sorted(version_numbers(folder))[:-KEPT]:
        fileio.rmtree(os.path.join(folder, str(old)))
    print(f"This verdict is kept as {place}", flush=True)


def _damage(folder: str) -> str | None:
    path = os.path.join(folder, DIGESTS)
    if not fileio.exists(path):
        return f"{DIGESTS} is missing"
    try:
        with fileio.open(path, "r") as file:
            return file_digests.damage(folder, file_digests.from_json(json.load(file)))
    except ValueError as error:
        return f"{DIGESTS} is damaged: {error}"
