from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.run.artifact_digests import ArtifactDigests


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """Two nodes' outputs of two executions, as TFX lays them out."""
    for name in ("Examples/examples/1", "Examples/examples/3", "Graph/graph/2"):
        folder = tmp_path / "artifacts" / name / "Split-train"
        folder.mkdir(parents=True)
        (folder / "data").write_text(f"written by {name}")
    (tmp_path / "artifacts" / "Graph" / ".system" / "executor_execution" / "2").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def digests(outputs: Path) -> ArtifactDigests:
    made = ArtifactDigests(outputs / "artifacts", outputs / "digests")
    made.record("Examples")
    made.record("Graph")
    return made


def test_what_is_as_it_was_written_stays(outputs: Path, digests: ArtifactDigests) -> None:
    assert digests.remove_damaged() == []
    records = sorted(str(file.relative_to(outputs)) for file in outputs.rglob("*.json"))
    assert records == [
        "digests/Examples/examples/1.json",
        "digests/Examples/examples/3.json",
        "digests/Graph/graph/2.json",
    ]


def test_a_damaged_artifact_is_removed_and_no_other(
    outputs: Path, digests: ArtifactDigests
) -> None:
    folder = outputs / "artifacts" / "Examples" / "examples" / "3"
    (folder / "Split-train" / "data").write_text("written by Examples/examples/4")

    (found,) = digests.remove_damaged()

    assert (found.node, found.folder) == ("Examples", folder)
    assert found.what == "Split-train/data has changed since it was written"
    assert not folder.exists()
    assert (outputs / "artifacts" / "Examples" / "examples" / "1").exists()
    assert digests.remove_damaged() == []


def test_a_file_that_was_added_is_damage_too(outputs: Path, digests: ArtifactDigests) -> None:
    """A second shard would double the data."""
    folder = outputs / "artifacts" / "Examples" / "examples" / "1" / "Split-train"
    (folder / ".nfs0001").write_text("of the file system")
    assert digests.remove_damaged() == []
    (folder / "data (copy)").write_text("more")

    (found,) = digests.remove_damaged()
    assert found.what == "Split-train/data (copy) was added later"


@pytest.mark.parametrize("content", ["", "[]", "{", '{"Split-train/data": 3}', "\0\0"])
def test_an_artifact_whose_record_is_damaged_is_made_again(
    outputs: Path, digests: ArtifactDigests, content: str
) -> None:
    record = outputs / "digests" / "Graph" / "graph" / "2.json"
    record.write_text(content)

    (found,) = digests.remove_damaged()

    assert found.node == "Graph"
    assert found.what == f"its record {record} is damaged"
    assert not found.folder.exists()


def test_missing_artifacts_are_forgotten(outputs: Path, digests: ArtifactDigests) -> None:
    folder = outputs / "artifacts" / "Graph" / "graph" / "2"
    (folder / "Split-train" / "data").unlink()
    (folder / "Split-train").rmdir()
    folder.rmdir()
    assert digests.remove_damaged() == []
    assert not (outputs / "digests" / "Graph" / "graph" / "2.json").exists()


def test_a_record_is_never_taken_twice(outputs: Path, digests: ArtifactDigests) -> None:
    """The node finished once; what the folder holds later is not what it wrote."""
    folder = outputs / "artifacts" / "Graph" / "graph" / "2"
    (folder / "Split-train" / "data").write_text("changed")
    digests.record("Graph")
    assert [found.folder for found in digests.remove_damaged()] == [folder]


def test_a_single_file_is_known_by_its_content_too(outputs: Path, digests: ArtifactDigests) -> None:
    file = outputs / "summary.json"
    file.write_text("of a run")
    assert digests.file_damage(file) is None
    digests.record_file(file)
    assert digests.file_damage(file) is None

    file.write_text("of a Run")
    assert digests.file_damage(file) == "summary.json has changed since it was written"


def test_a_damaged_record_of_a_single_file_says_nothing(
    outputs: Path, digests: ArtifactDigests
) -> None:
    file = outputs / "summary.json"
    file.write_text("of a run")
    digests.record_file(file)
    digests.record_of_file(file).write_text("{")
    assert digests.file_damage(file) is None
    assert not digests.record_of_file(file).exists()


def test_old_artifacts_are_compared_by_length_alone(tmp_path: Path) -> None:
    """A year of runs must not be read again before each run."""
    files = [tmp_path / "artifacts" / "Graph" / "graph" / str(n) / "data" for n in range(1, 10)]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text("written")
    made = ArtifactDigests(tmp_path / "artifacts", tmp_path / "digests")
    made.record("Graph")
    for file in files:
        file.write_text("Written")
    assert [found.folder.name for found in made.remove_damaged()] == ["5", "6", "7", "8", "9"]

    files[0].write_text("cut")
    assert "1" in [found.folder.name for found in made.remove_damaged()]


def test_a_file_in_the_place_of_an_artifact_is_damage(
    outputs: Path, digests: ArtifactDigests
) -> None:
    """TFX's cache only asks whether there is anything."""
    folder = outputs / "artifacts" / "Graph" / "graph" / "2"
    shutil.rmtree(folder)
    folder.write_text("mine")
    (found,) = digests.remove_damaged()
    assert (found.node, found.what) == ("Graph", "it is not a folder")
    assert not folder.exists()


def test_a_folder_in_the_place_of_a_record_is_damage(
    outputs: Path, digests: ArtifactDigests
) -> None:
    record = outputs / "digests" / "Graph" / "graph" / "2.json"
    record.unlink()
    record.mkdir()
    (found,) = digests.remove_damaged()
    assert found.what == f"its record {record} is damaged"
    assert not record.exists()


def test_what_was_changed_on_purpose_is_no_damage(outputs: Path, digests: ArtifactDigests) -> None:
    folder = outputs / "artifacts" / "Examples" / "examples" / "3" / "Split-train"
    (folder / "data").write_text("less")
    (folder / "more").write_text("added")
    digests.record_changed(folder / "data")
    digests.record_changed(folder / "more")  # has no record, and gets none
    digests.record_changed(outputs / "summary.json")  # is none of an artifact
    (found,) = digests.remove_damaged()
    assert found.what == "Split-train/more was added later"
