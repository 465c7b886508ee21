"""What a run was made of: artifacts, fingerprints of data, model and code, versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tfx import types
from tfx.utils import path_utils

from components.report.run_parts import RunParts, Section
from modules.files.model_metadata import folder_digest
from modules.training.library_versions import versions

_FINGERPRINT = "input_fingerprint"


def _add_parts(run: RunParts) -> None:
    run.add("lineage", artifact_rows, run.inputs)
    run.add("fingerprints", fingerprints, run.inputs, run.code_digest)
    run.add("versions", lambda: list(versions().items()))


class ArtifactRow(NamedTuple):
    """An artifact that the page was made from."""

    name: str
    type_name: str
    artifact_id: int
    uri: str


def artifact_rows(inputs: Mapping[str, types.Artifact]) -> list[ArtifactRow]:
    """Returns the artifacts by id."""
    rows = [
        ArtifactRow(name.replace("_", " "), artifact.type_name, artifact.id, artifact.uri)
        for name, artifact in inputs.items()
    ]
    return sorted(rows, key=lambda row: row.artifact_id)


def fingerprints(inputs: Mapping[str, types.Artifact], code_digest: str) -> list[tuple[str, str]]:
    """Returns what tells data, model and code from others, as (name, value)."""
    rows = []
    examples, model = inputs.get("examples"), inputs.get("model")
    if examples:
        found = examples.get_string_custom_property(_FINGERPRINT)
        rows += [("input files", line) for line in found.splitlines()]
    if model:
        rows.append(("model files", folder_digest(path_utils.serving_model_path(model.uri))))
    if code_digest:
        rows.append(("code", code_digest))
    return rows


SECTION = Section("lineage", "Lineage", _add_parts)
