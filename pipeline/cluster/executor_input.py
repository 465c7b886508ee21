"""Corrections of the ExecutorInput message that KFP passes to a container, on its JSON form.

KFP's driver and launcher write it otherwise than TFX expects it. Facts are from the
backend's source (driver/resolve.go, metadata/client.go, component/launcher_v2.go). Nothing slow is
imported.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Collection, Iterator
from typing import Any

from modules.found import FOUND

Json = dict[str, Any]

# The launcher copies input artifacts below these folders of a pod, and output artifacts from there.
# gs:// is not among them: TFX reads and writes that itself, and remote Beam workers must.
LOCAL_FOLDERS = {"minio://": "minio/", "s3://": "s3/"}
# Argument of the entrypoint: JSON list of the component's declared outputs.
BEAM_OPTIONS = "--beam_options"
OUTPUTS = "--outputs"
# KFP's own artifact types have names of this kind; no TFX type has.
KFP_TYPES = "system."


class MissingInputError(Exception):
    """An input artifact is not where the launcher copies it; the message names it."""


def to_local(uri: str, pod_root: str) -> str:
    """Returns the path of an artifact's local copy; other URIs stay as they are."""
    for scheme, folder in LOCAL_FOLDERS.items():
        if uri.startswith(scheme):
            return os.path.join(pod_root, folder, uri.removeprefix(scheme))
    return uri


def to_remote(text: str, pod_root: str) -> str:
    """Returns the URI of a path that `to_local` made; other texts stay as they are."""
    for scheme, folder in LOCAL_FOLDERS.items():
        prefix = os.path.join(pod_root, folder)
        if text.startswith(prefix):
            return scheme + text.removeprefix(prefix)
    return text


def _artifacts(part: Json) -> Iterator[tuple[str, Json]]:
    for name, artifacts in (part.get("artifacts") or {}).items():
        for artifact in artifacts.get("artifacts") or []:
            yield name, artifact


def fill_types(executor_input: Json, inputs_spec: Json) -> Json:
    """Returns the message with the input types of the component's specification.

    KFP 2 passes inputs with the type `{instanceSchema: ""}`: its metadata client does not read
    types back, which leads to tensorflow/tfx#7768.
    """
    result = copy.deepcopy(executor_input)
    types = inputs_spec.get("artifacts") or {}
    for name, artifact in _artifacts(result.get("inputs") or {}):
        if name in types and not any((artifact.get("type") or {}).values()):
            artifact["type"] = copy.deepcopy(types[name]["artifactType"])
    return result


def keep_own_outputs(executor_input: Json, own: Collection[str] | None) -> Json:
    """Returns the message with the component's own outputs, without those that KFP added.

    Since backend 2.5 the driver adds `executor-logs` to every task (driver.go, `provisionOutputs`):
    a file that the launcher holds open while the container runs, and uploads afterwards
    (launcher_v2.go, `getLogWriter`). TFX cannot import its type, and it must not be removed.

    Args:
      executor_input: the message; an empty part may be missing in it.
      own: names of the component's declared outputs. None for a specification that was compiled
        without them: then outputs of KFP's own types count as added.
    """
    result = copy.deepcopy(executor_input)
    outputs = result.get("outputs") or {}
    for kind in ("artifacts", "parameters"):
        for name in list(outputs.get(kind) or {}):
            added = _has_kfp_type(outputs[kind][name]) if own is None else name not in own
            if added:
                del outputs[kind][name]
    return result


def _has_kfp_type(output: Json) -> bool:
    types = [artifact.get("type") or {} for artifact in output.get("artifacts") or []]
    titles = [kind.get("schemaTitle") or kind.get("instanceSchema") or "" for kind in types]
    return any(title.removeprefix("title: ").startswith(KFP_TYPES) for title in titles)


def drop_absent(executor_input: Json) -> Json:
    """Returns the message without the inputs that mean "there is none"."""
    result = copy.deepcopy(executor_input)
    inputs = result.get("inputs") or {}
    for name, artifact in list(_artifacts(inputs)):
        if (artifact.get("metadata") or {}).get(FOUND) == 0:
            inputs["artifacts"].pop(name, None)
    return result


def map_uris(executor_input: Json, pod_root: str) -> Json:
    """Returns the message with paths of local copies in place of URIs that TFX cannot open."""
    result = copy.deepcopy(executor_input)
    for part in ("inputs", "outputs"):
        for _, artifact in _artifacts(result.get(part) or {}):
            artifact["uri"] = to_local(artifact.get("uri", ""), pod_root)
    return result


def check_copies(executor_input: Json, original: Json) -> None:
    """Raises MissingInputError if the launcher's copy of an input is missing.

    An object store has no folders: copying an empty prefix succeeds and creates nothing.
    """
    uris = [artifact.get("uri", "") for _, artifact in _artifacts(original.get("inputs") or {})]
    for (name, artifact), uri in zip(
        _artifacts(executor_input.get("inputs") or {}), uris, strict=True
    ):
        path = artifact.get("uri", "")
        if path != uri and not os.path.exists(path):
            raise MissingInputError(
                f"input {name!r} is missing: {uri} is empty, its copy {path} was not made. Was the "
                "object removed (a life-cycle rule of the bucket)? Run the node that produced it "
                "again, with caching off"
            )


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Returns a JSON value with all strings changed except keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_strings(item, change) for item in value]
    if isinstance(value, dict):
        return {key: map_strings(item, change) for key, item in value.items()}
    return value


def output_uris(executor_input: Json) -> list[str]:
    """Returns where the outputs go."""
    outputs = executor_input.get("outputs") or {}
    return [artifact.get("uri", "") for _, artifact in _artifacts(outputs)]
