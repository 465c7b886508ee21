from __future__ import annotations

from pathlib import Path

import pytest

from modules.files.model_folder import (
    MANIFEST,
    folder_digest,
    is_same_training,
    learned_from,
    model_damage,
    write_manifest,
)


def _model(folder: Path, content: str) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_text(content, "utf-8")
    (folder / "saved_model.pb").write_text("graph", "utf-8")
    return folder


def test_digests_of_models_differ_by_content_alone(tmp_path: Path) -> None:
    one, copy = _model(tmp_path / "1", "a"), _model(tmp_path / "2", "a")
    other = _model(tmp_path / "3", "b")
    assert folder_digest(str(one)) == folder_digest(str(copy))
    assert folder_digest(str(one)) != folder_digest(str(other))


def test_a_model_is_intact_until_a_file_changes(tmp_path: Path) -> None:
    folder = _model(tmp_path / "1", "weights")
    write_manifest(str(folder), "data and options")
    assert model_damage(str(folder)) is None
    assert learned_from(str(folder)) == "data and options"
    (folder / "assets.extra" / "warm-up").write_text("of the server", "utf-8")
    assert model_damage(str(folder)) is None

    (folder / "variables" / "data").write_text("Weights", "utf-8")
    assert model_damage(str(folder)) == "variables/data has changed since it was written"


def test_half_a_model_is_damaged_with_and_without_a_manifest(tmp_path: Path) -> None:
    old, folder = _model(tmp_path / "1", "weights"), _model(tmp_path / "2", "weights")
    assert model_damage(str(old)) is None
    write_manifest(str(folder), "")
    for model in (old, folder):
        (model / "saved_model.pb").unlink()
        assert model_damage(str(model)) == "saved_model.pb is missing"
    assert model_damage(str(tmp_path / "3")) == "saved_model.pb is missing"


@pytest.mark.parametrize("content", ["", "[]", '"text"', "{}", '{"files": [1]}', "\udcff{"])
def test_a_damaged_manifest_is_damage(tmp_path: Path, content: str) -> None:
    folder = _model(tmp_path / "1", "weights")
    write_manifest(str(folder), "")
    (folder / MANIFEST).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert model_damage(str(folder)) == f"{MANIFEST} is not a manifest"


def test_models_of_one_training_are_the_same_whatever_their_files(tmp_path: Path) -> None:
    one, again, other, old = (_model(tmp_path / str(n), str(n)) for n in range(4))
    for folder, digest in ((one, "a"), (again, "a"), (other, "b")):
        write_manifest(str(folder), digest)
    assert is_same_training(str(one), str(again))
    assert not is_same_training(str(one), str(other))
    assert not is_same_training(str(one), str(old))
    assert not is_same_training(str(old), str(old))  # nobody knows what it learned from
