"""Reads platform.yaml into the second document of a compiled specification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modules.config.parsing import NULL, unknown_key
from modules.config.yaml_text import Plain, parse_yaml
from modules.files.text_file import read_text
from modules.messages.quoting import quote, reason_of, shorten
from pipeline.config import ConfigError

# The fields of kfp_kubernetes.KubernetesExecutorConfig in the backend's JSON names. KFP 2.0 lacks
# tolerations, ephemeral volumes, affinities, shared memory, empty folders and the security context.
FIELDS: dict[str, type] = {
    **dict.fromkeys(("secretAsVolume", "secretAsEnv", "pvcMount", "imagePullSecret"), list),
    **dict.fromkeys(("configMapAsVolume", "configMapAsEnv", "fieldPathAsEnv"), list),
    **dict.fromkeys(("tolerations", "genericEphemeralVolume", "emptyDirMounts"), list),
    **dict.fromkeys(("nodeAffinity", "podAffinity"), list),
    **dict.fromkeys(("nodeSelector", "podMetadata", "enabledSharedMemory"), dict),
    **{"securityContext": dict, "imagePullPolicy": str, "activeDeadlineSeconds": int},
}
# Its fields that are not text; all other single values are.
_NO_TEXT = {
    *("activeDeadlineSeconds", "tolerationSeconds", "weight", "runAsUser", "runAsGroup"),
    *("optional", "anti", "runAsNonRoot", "defaultStorageClass"),
}
# Its mappings of users' own keys, whatever those are called, to texts.
_OF_TEXTS = {"labels", "annotations", "matchPodLabels", "matchNamespaceLabels"}


def _as_declared(value: Any, key: str = "") -> Any:
    """Returns a parsed value; text stays as written, since KFP refuses the label `gpu: true`."""
    if key in _OF_TEXTS and isinstance(value, dict):
        return {
            name: text.text if isinstance(text, Plain) else text for name, text in value.items()
        }
    if isinstance(value, Plain):
        is_none = value.value is None and value.text in ("", NULL)
        return value.value if is_none or key in _NO_TEXT else value.text
    if isinstance(value, dict):
        return {name: _as_declared(part, name) for name, part in value.items()}
    return [_as_declared(part, key) for part in value] if isinstance(value, list) else value


def settings_of(platform: Mapping[str, Any] | None, node: str) -> dict[str, Any]:
    """Returns a node's settings in the document of `load_platform`; None is no document."""
    if platform is None:
        return {}
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    settings: dict[str, Any] = executors[f"{node}_executor"]
    return settings


def _mapping(where: str, values: Any, problems: list[str]) -> dict[str, Any]:
    """Returns a mapping; an empty value is an empty one."""
    if values is None:
        return {}
    if not isinstance(values, dict):
        problems.append(f"{where} must be a mapping, got {quote(values)}")
        return {}
    return values


def _check(where: str, given: Any, problems: list[str]) -> dict[str, Any]:
    values = _mapping(where, given, problems)
    for key, value in values.items():
        if key not in FIELDS:
            problems.append(
                unknown_key(f"{where}.{key}", value, [f"{where}.{field}" for field in FIELDS])
            )
        elif not isinstance(value, FIELDS[key]):
            problems.append(f"{where}.{key} must be a {FIELDS[key].__name__}, got {quote(value)}")
    return values


def _merge(common: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Returns both: lists are joined; other values of the node take precedence."""
    merged = {**common, **own}
    for key in common.keys() & own.keys():
        if isinstance(common[key], list):
            merged[key] = common[key] + own[key]
    return merged


def load_platform(file: Path, nodes: Iterable[str]) -> dict[str, Any]:
    """Returns the platform document for the nodes of a pipeline.

    Raises:
      ConfigError: it has unknown keys, wrong types or unknown nodes; all are listed.
    """
    problems: list[str] = []
    try:
        values = _as_declared(parse_yaml(read_text(file)))
    except (OSError, ValueError) as error:
        raise ConfigError(str(file), [f"cannot be read: {reason_of(error)}"]) from error
    values = _mapping("the file", values, problems)
    known = sorted(nodes)
    common = _check("all", values.get("all"), problems)
    own = {
        name: _check(f"nodes.{name}", v, problems)
        for name, v in _mapping("nodes", values.get("nodes"), problems).items()
    }
    problems += [
        f"nodes.{shorten(name)} is not a node of the pipeline: there are {', '.join(known)}"
        for name in own
        if name not in known
    ]
    problems += [
        unknown_key(k, v, ["all", "nodes"]) for k, v in values.items() if k not in ("all", "nodes")
    ]
    if problems:
        raise ConfigError(file.name, problems)
    executors = {f"{name}_executor": _merge(common, own.get(name, {})) for name in known}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
