"""Refreshes in a run's metadata."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2

from modules.files.mlmd_file import MetadataFileError
from serving.lineage import TYPE, read_refreshes, record
from tests.metadata_store import COMPLETE, Store

EVENT = metadata_store_pb2.Event


COUNTS = {"catalogue": 9, "offered": 6, "gone": 2, "back": 1, "unknown": 3}


def _ends(store: Any, execution: int) -> dict[int, Any]:
    """Returns the artifacts of an execution by the type of their event."""
    events = store.get_events_by_execution_ids([execution])
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts()}
    return {event.type: artifacts[event.artifact_id] for event in events}


def _pushed(store: Any, folder: Path) -> int:
    """Adds the artifact of a model that Pusher copied to a folder; returns its id."""
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="PushedModel"))
    artifact = metadata_store_pb2.Artifact(type_id=kind, uri="/artifacts/Pusher/1")
    artifact.custom_properties["pushed_destination"].string_value = str(folder)
    found: int = store.put_artifacts([artifact])[0]
    return found


def test_refreshes_are_a_chain_that_begins_with_what_pusher_pushed(tmp_path: Path) -> None:
    file, versions = tmp_path / "metadata.sqlite", tmp_path / "pushed"
    store = Store(file).store
    pushed = _pushed(store, versions / "7")
    first, second = (
        record(file, versions / base, versions / new, COUNTS)
        for base, new in (("7", "8"), ("8", "9"))
    )
    assert _ends(store, first)[EVENT.INPUT].id == pushed
    assert _ends(store, first)[EVENT.OUTPUT].id == _ends(store, second)[EVENT.INPUT].id
    assert _ends(store, second)[EVENT.OUTPUT].uri == str(versions / "9")
    properties = [artifact.custom_properties for artifact in store.get_artifacts()]
    assert [found["pushed_version"].string_value for found in properties] == ["", "8", "9"]


def test_an_execution_says_what_changed(tmp_path: Path) -> None:
    file = tmp_path / "metadata.sqlite"
    store = Store(file).store
    record(file, Path("/p/7"), Path("/p/8"), {"items": "/items.txt", **COUNTS})
    (execution,) = store.get_executions_by_type(TYPE)
    assert execution.last_known_state == COMPLETE
    properties = execution.custom_properties
    assert properties["items"].string_value == "/items.txt"
    counts = {name: value.int_value for name, value in properties.items() if name != "items"}
    assert counts == COUNTS


def test_refreshes_are_read_in_order(tmp_path: Path) -> None:
    file, versions = tmp_path / "metadata.sqlite", tmp_path / "pushed"
    _pushed(Store(file).store, versions / "7")
    assert not list(read_refreshes(file))
    for base, new in (("7", "8"), ("8", "9")):
        record(file, versions / base, versions / new, COUNTS)
    found = list(read_refreshes(file))
    assert [each[1:] for each in found] == [("7", "8", 9, 6), ("8", "9", 9, 6)]
    assert 0 <= time.time() - found[0].recorded / 1000 < 600


def test_a_file_that_is_not_a_store_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "metadata.sqlite"
    file.write_bytes(b"no database")
    with pytest.raises(MetadataFileError):
        record(file, Path("/p/7"), Path("/p/8"), {"items": "/items.txt", **COUNTS})
    assert file.read_bytes() == b"no database"
