"""What a run finds of earlier runs, on a real metadata file and folders that look like models."""

from __future__ import annotations

import shutil
from pathlib import Path

import ml_metadata
import pytest
from ml_metadata.proto import metadata_store_pb2

from modules.files.folders import FolderError
from modules.files.mlmd_file import check_metadata_file
from modules.files.model_folder import write_manifest
from pipeline.paths import Paths
from pipeline.run.recovery import recovered_outputs


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder of three runs, each of which pushed a model."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    store = ml_metadata.MetadataStore(connection)
    node = store.put_execution_type(metadata_store_pb2.ExecutionType(name="Pusher"))
    store.put_executions([metadata_store_pb2.Execution(type_id=node) for _ in range(3)])
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="PushedModel"))
    for number in (1, 2, 3):
        version, own = tmp_path / "pushed" / f"10{number}", _own(tmp_path, number)
        for folder in (version, own):
            folder.mkdir(parents=True)
            (folder / "saved_model.pb").write_text(f"graph {number}")
            write_manifest(str(folder), str(number))
        artifact = metadata_store_pb2.Artifact(type_id=kind, uri=str(own))
        artifact.custom_properties["pushed"].int_value = 1
        artifact.custom_properties["pushed_destination"].string_value = str(version)
        store.put_artifacts([artifact])
    return tmp_path


def _own(out: Path, number: int) -> Path:
    """Returns the folder of a push among the artifacts."""
    return out / "artifacts" / "Pusher" / "pushed_model" / str(number)


def _recover(out: Path) -> None:
    with recovered_outputs(Paths.under(out), out / "summary.json") as digests:
        digests.record("Pusher")


def test_what_is_whole_stays_and_nothing_is_said(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        _recover(out)
    assert all(_own(out, number).is_dir() for number in (1, 2, 3))
    assert capsys.readouterr().out == ""
    check_metadata_file(out / "metadata.sqlite")


def test_a_damaged_version_lets_pusher_run_again(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / "pushed" / "102" / "saved_model.pb").write_text("graph 9")
    _recover(out)
    assert [_own(out, number).is_dir() for number in (1, 2, 3)] == [True, False, True]
    said = capsys.readouterr().out
    assert said.startswith(
        f"Damaged: {out / 'pushed' / '102'}: saved_model.pb has changed since it was written"
    )
    assert said.endswith("Pusher runs again.\n")


def test_the_newest_version_is_missed_and_an_old_one_is_not(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(out / "pushed" / "101")
    _recover(out)
    assert not _own(out, 1).exists()
    assert capsys.readouterr().out == ""

    shutil.rmtree(out / "pushed" / "103")
    _recover(out)
    assert not _own(out, 3).exists()
    assert "103: the folder is missing. Pusher runs again." in capsys.readouterr().out


@pytest.mark.parametrize("is_empty", [True, False])
def test_artifacts_of_lost_metadata_are_moved_aside(
    out: Path, capsys: pytest.CaptureFixture[str], is_empty: bool
) -> None:
    """New artifacts would get the numbers of old ones, whose files would be read as theirs."""
    _recover(out)
    (out / "metadata.sqlite").unlink()
    if is_empty:
        (out / "metadata.sqlite").touch()

    _recover(out)

    (aside,) = out.glob("artifacts-without-metadata-*")
    assert (aside / "Pusher" / "pushed_model" / "3" / "saved_model.pb").is_file()
    assert not (out / "artifacts").exists()
    assert not list((out / "digests").rglob("*.json"))
    assert f"{out / 'metadata.sqlite'} is missing" in capsys.readouterr().out


def test_a_damaged_summary_is_not_read_again(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (out / "summary.json").write_text('{"format": 1}')
    _recover(out)
    (out / "summary.json").write_text('{"format": 2}')
    _recover(out)
    assert not (out / "summary.json").exists()
    assert "Damaged: summary.json has changed since it was written" in capsys.readouterr().out


def test_artifacts_newer_than_the_metadata_are_moved_aside(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where an older copy of the metadata was put back: numbers would be given twice."""
    newer = out / "artifacts" / "Transform" / "transform_graph" / "4"
    newer.mkdir(parents=True)

    _recover(out)

    assert _own(out, 3).is_dir() and not newer.exists()
    (aside,) = out.glob("artifacts-without-metadata-*/Transform/transform_graph/4")
    assert f"older than 1 artifacts, which are in {aside.parents[2]} now" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["artifacts", "digests", "pushed", "runs"])
def test_a_file_in_the_place_of_a_folder_is_named(out: Path, name: str) -> None:
    if (out / name).is_dir():
        shutil.rmtree(out / name)
    (out / name).write_text("mine")
    with pytest.raises(FolderError, match=f"{out / name} is not a folder. Remove that path"):
        _recover(out)


@pytest.mark.parametrize("name", ["summary.json", "metadata.sqlite.sha256"])
def test_a_folder_in_the_place_of_a_file_is_named(out: Path, name: str) -> None:
    (out / name).mkdir()
    with pytest.raises(FolderError, match=f"{out / name} is a folder. Remove that path"):
        _recover(out)
