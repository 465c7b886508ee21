"""The object store and the metadata of the local driver: what KFP keeps between pods."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

from pipeline.cluster.executor_input import Json, to_local

# Where artifacts are, as KFP's driver writes it down for every run: config/env.go
# (`GetStoreSessionInfo`) with a ConfigMap kfp-launcher that names no `providers`, as installed.
_STORES = {
    "minio": {
        "accessKeyKey": "accesskey",
        "disableSSL": "true",
        "endpoint": "seaweedfs.kubeflow:9000",
        "fromEnv": "false",
        "maxRetries": "5",
        "region": "minio",
        "secretKeyKey": "secretkey",
        "secretName": "mlpipeline-minio-artifact",
    },
    "s3": {"fromEnv": "true"},
    "gs": {"fromEnv": "true"},
}


class BackendError(Exception):
    """Says what KFP's driver or launcher would refuse."""


def store_session_info(uri: str) -> str:
    """Returns the JSON text that every artifact carries as metadata: provider and credentials.

    A root of no provider, such as a folder of this machine, has none: KFP would refuse it.
    """
    provider = uri.partition("://")[0]
    params = _STORES.get(provider)
    info = {"Provider": provider, "Params": params} if params else None
    return json.dumps(info, separators=(",", ":"))


def metadata_after_a_round_trip(metadata: Json) -> Json:
    """Returns an artifact's metadata as it comes back from KFP's metadata store.

    Numbers become doubles, booleans 0 or 1, lists and mappings are wrapped; null is refused
    (metadata/converter.go, `StructValueToMLMDValue` and `toRuntimeArtifact`).

    Raises:
      BackendError: a value is null.
    """
    result: Json = {}
    for key, value in metadata.items():
        if value is None:
            raise BackendError(f"metadata {key!r} is null, which KFP's metadata store refuses")
        if isinstance(value, (bool, int, float)):
            result[key] = float(value)
        elif isinstance(value, list):
            result[key] = {"list": value}
        elif isinstance(value, dict):
            result[key] = {"struct": value}
        else:
            result[key] = value
    return result


@dataclasses.dataclass
class Store:
    """Objects below a folder, by URI, and the outputs of this run's nodes.

    Attributes:
      folder: holds `minio/` and `s3/`, and `next_id`.
      outputs: (task, output) -> the artifact as recorded.
    """

    folder: Path
    outputs: dict[tuple[str, str], Json] = dataclasses.field(default_factory=dict)

    def _path(self, uri: str) -> Path | None:
        path = to_local(uri, str(self.folder))
        return Path(path) if path != uri else None

    def download(self, uri: str, pod_root: Path) -> None:
        """Copies an artifact into a pod; a prefix that holds nothing is no error, as in KFP."""
        source = self._path(uri)
        if source is None or not source.exists():
            return
        target = Path(to_local(uri, str(pod_root)))
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            _copy_objects(source, target)
        else:
            shutil.copyfile(source, target)

    def upload(self, uri: str, pod_root: Path) -> None:
        """Copies an artifact out of a pod; one that was not written is no error, as in KFP."""
        target = self._path(uri)
        source = Path(to_local(uri, str(pod_root)))
        if target is None or not source.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            _copy_objects(source, target)
        else:
            shutil.copyfile(source, target)

    def record(self, task: str, output: str, artifact: Json) -> None:
        """Gives an artifact an id and keeps it for the nodes that read it.

        Its type is not read back by KFP's metadata client: inputs have an empty one.
        """
        metadata = metadata_after_a_round_trip(artifact.get("metadata") or {})
        metadata.setdefault("display_name", output)
        metadata.setdefault("store_session_info", store_session_info(artifact["uri"]))
        self.outputs[task, output] = {
            "name": str(self._new_id()),
            "uri": artifact["uri"],
            "metadata": metadata,
            "type": {"instanceSchema": ""},
        }

    def _new_id(self) -> int:
        file = self.folder / "next_id"
        number: int = json.loads(file.read_text("utf-8")) if file.exists() else 1
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(number + 1), "utf-8")
        return number


def _copy_objects(source: Path, target: Path) -> None:
    """Copies files only: an object store has no empty folders."""
    for parent, _, files in os.walk(source):
        for name in files:
            place = target / Path(parent).relative_to(source) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(parent) / name, place)


def merge_output(output: Any, provisioned: Json) -> Json:
    """Returns a provisioned artifact with what the container wrote about it (launcher_v2.go)."""
    written = (output or {}).get("artifacts") or [{}]
    merged = dict(provisioned)
    if written[0].get("uri"):
        merged["uri"] = written[0]["uri"]
    merged["metadata"] = {
        **(provisioned.get("metadata") or {}),
        **(written[0].get("metadata") or {}),
    }
    return merged
