"""The object store and the metadata of the local driver, which KFP keeps between pods."""

from __future__ import annotations

import dataclasses
import json
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
    """Returns the JSON text that every artifact has as metadata: provider and credentials.

    KFP would refuse a root without a provider, such as a folder of this machine.
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
      outputs: recorded artifacts by (task, output).
    """

    folder: Path
    outputs: dict[tuple[str, str], Json] = dataclasses.field(default_factory=dict)

    def _path(self, uri: str) -> Path | None:
        path = to_local(uri, str(self.folder))
        return Path(path) if path != uri else None

    def download(self, uri: str, pod_root: Path) -> None:
        """Copies an artifact into a pod; an empty prefix is not an error, as in KFP."""
        _copy(self._path(uri), Path(to_local(uri, str(pod_root))))

    def upload(self, uri: str, pod_root: Path) -> None:
        """Copies an artifact out of a pod; one that was not written is not an error, as in KFP."""
        _copy(Path(to_local(uri, str(pod_root))), self._path(uri))

    def record(self, task: str, output: str, artifact: Json) -> None:
        """Gives an artifact an id, and keeps it for the nodes that read it.

        KFP's metadata client does not read types back: inputs have an empty one.
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


def _copy(source: Path | None, target: Path | None) -> None:
    """Copies a file, or the files of a folder: an object store has no empty folders."""
    if source is None or target is None or not source.exists():
        return
    for file in source.rglob("*") if source.is_dir() else [source]:
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


def merge_output(output: Any, provisioned: Json) -> Json:
    """Returns a provisioned artifact with what the container wrote about it (launcher_v2.go)."""
    written = (output or {}).get("artifacts") or [{}]
    metadata = {**(provisioned.get("metadata") or {}), **(written[0].get("metadata") or {})}
    uri = written[0].get("uri") or provisioned["uri"]
    return {**provisioned, "uri": uri, "metadata": metadata}
