"""Nodes that keep verdicts of the model gate in a folder, and find the one of the day before."""

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils

from components.previous_run import kept_folders
from modules.found import FOUND


@component
def KeptVerdict(
    verdict: OutputArtifact[simple_artifacts.Metrics],
    folder: Parameter[str],
    examples: InputArtifact[standard_artifacts.Examples] = None,
    source_digest: Parameter[str] = "",
) -> None:
    """Finds the verdict that VerdictKeeper kept last, of the day before in a window of days.

    Args:
      verdict: output; a copy of it. Its property `found` is 0 if none was kept yet.
      folder: the keeper's folder.
      examples: this run's examples, which say the evaluated day.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    found = kept_folders.find(folder, examples)
    verdict.set_int_custom_property(FOUND, int(found is not None))
    if found is None:
        print(f"No verdict in {folder} yet", flush=True)
        return
    io_utils.copy_dir(found.path, verdict.uri)
    print(f"The last verdict is {found.path}", flush=True)


@component
def VerdictKeeper(
    verdict: InputArtifact[simple_artifacts.Metrics],
    folder: Parameter[str],
    examples: InputArtifact[standard_artifacts.Examples] = None,
    source_digest: Parameter[str] = "",
) -> None:
    """Keeps a copy of ModelGate's verdict in a folder, for later runs.

    Args:
      verdict: the verdict of this run.
      folder: parent of one numbered subfolder per run; only the newest few are kept.
      examples: this run's examples, which say the evaluated day.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    place = kept_folders.keep(verdict, folder, examples, {})
    print(f"This verdict is kept as {place}", flush=True)
