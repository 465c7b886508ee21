"""What a run was made of: artifacts, fingerprints of data, model and code, versions."""

from __future__ import annotations

from collections.abc import Mapping

from tfx import types
from tfx.utils import path_utils

from components.report.run_parts import RunParts, Section
from modules.files.model_folder import folder_digest
from modules.training.library_versions import versions

_FINGERPRINT = "input_fingerprint"


def add_parts(run: RunParts) -> None:
    """Adds the artifacts, fingerprints and versions."""
    run.add("lineage", lambda: sorted(run.inputs.items(), key=lambda named: named[1].id))
    run.add("fingerprints", fingerprints, run.inputs, run.code_digest)
    run.add("versions", lambda: list(versions().items()))


def fingerprints(inputs: Mapping[str, types.Artifact], code_digest: str) -> list[tuple[str, str]]:
    """Returns what identifies data, model and code, as (name, value)."""
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


SECTION = Section(
    "lineage",
    "Lineage",
    add_parts,
    """\
{% block body %}
{% if parts.lineage %}
{% call scroll("Artifacts in the metadata that this page was made from") %}
{{ head(["artifact", "type", "id", "folder"], left=["type", "folder"]) }}
<tbody>
{% for name, artifact in parts.lineage %}
<tr><th scope="row">{{ name|replace("_", " ") }}</th><td class="left">{{ artifact.type_name }}</td>
<td>{{ artifact.id }}</td><td class="left wide">{{ artifact.uri|breakable }}</td></tr>
{% endfor %}
</tbody>
{% endcall %}
{% else %}{{ missing_part("lineage", "artifacts") }}{% endif %}
{% if parts.fingerprints %}{{ pairs(parts.fingerprints, "Fingerprints") }}
{% else %}{{ missing_part("fingerprints", "fingerprints") }}{% endif %}
{% if parts.versions %}{{ pairs(parts.versions, "Versions") }}
{% else %}{{ missing_part("versions", "versions") }}{% endif %}
{% endblock %}
""",
)
