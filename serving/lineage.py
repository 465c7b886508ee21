"""Records refreshes in the run's ML Metadata, and reads them: the base and the new version."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2 as mlmd_pb2

from modules.files.mlmd_file import digest_after_changes, open_store

TYPE = "IndexRenewal"  # the name in existing metadata
_MODEL = "PushedModel"


class RefreshRecord(NamedTuple):
    """A recorded refresh.

    Attributes:
      recorded: time of the record in ms since 1970.
      base: version from which the new one was made.
      version: the new version.
      catalogue: items in the model's catalogue.
      offered: recommendable items.
    """

    recorded: int
    base: str
    version: str
    catalogue: int
    offered: int


def read_refreshes(metadata: Path) -> Iterator[RefreshRecord]:
    """Yields the recorded refreshes, in order.

    Raises:
      MetadataFileError: the file cannot be used.
    """
    store = open_store(metadata)
    for execution in sorted(store.get_executions_by_type(TYPE), key=lambda found: found.id):
        versions = {
            event.type: _version(store, event.artifact_id)
            for event in store.get_events_by_execution_ids([execution.id])
        }
        properties = execution.custom_properties
        yield RefreshRecord(
            execution.create_time_since_epoch,
            versions[mlmd_pb2.Event.INPUT],
            versions[mlmd_pb2.Event.OUTPUT],
            properties["catalogue"].int_value,
            properties["offered"].int_value,
        )


def _version(store: mlmd.MetadataStore, artifact_id: int) -> str:
    (artifact,) = store.get_artifacts_by_id([artifact_id])
    pushed = artifact.custom_properties["pushed_destination"].string_value
    return os.path.basename(pushed or artifact.uri)


def record(metadata: Path, base: Path, folder: Path, properties: Mapping[str, int | str]) -> int:
    """Adds an execution with the base as input and the new version as output.

    Args:
      metadata: SQLite file of the run.
      base: folder of the base.
      folder: folder of the new version.
      properties: what was done; `catalogue` and `offered` among them.

    Returns:
      The id of the execution.

    Raises:
      MetadataFileError: the file cannot be used.
    """
    store = open_store(metadata, can_write=True)
    with digest_after_changes(metadata, only_if_kept=True):
        return _write(store, base, folder, properties)


def _write(
    store: mlmd.MetadataStore, base: Path, folder: Path, properties: Mapping[str, int | str]
) -> int:
    kind = mlmd_pb2.ExecutionType(name=TYPE)
    execution = mlmd_pb2.Execution(
        type_id=store.put_execution_type(kind, can_add_fields=True),
        last_known_state=mlmd_pb2.Execution.COMPLETE,
    )
    for name, value in properties.items():
        found = execution.custom_properties[name]
        if isinstance(value, str):
            found.string_value = value
        else:
            found.int_value = value
    artifacts = [_artifact(store, place) for place in (base, folder)]
    types = (mlmd_pb2.Event.INPUT, mlmd_pb2.Event.OUTPUT)
    events = [
        (artifact, mlmd_pb2.Event(type=event))
        for artifact, event in zip(artifacts, types, strict=True)
    ]
    number: int = store.put_execution(execution, events, [])[0]
    return number


def _artifact(store: mlmd.MetadataStore, folder: Path) -> mlmd_pb2.Artifact:
    """Returns the artifact of a version, which is Pusher's if that pushed it."""
    for artifact in store.get_artifacts_by_type(_MODEL):
        pushed = artifact.custom_properties["pushed_destination"].string_value
        if str(folder) in (artifact.uri, pushed):
            return artifact
    kind = mlmd_pb2.ArtifactType(name=_MODEL)
    artifact = mlmd_pb2.Artifact(
        type_id=store.put_artifact_type(kind, can_add_fields=True, can_omit_fields=True),
        uri=str(folder),
        state=mlmd_pb2.Artifact.LIVE,
    )
    artifact.custom_properties["pushed_destination"].string_value = str(folder)
    artifact.custom_properties["pushed_version"].string_value = folder.name
    return artifact
