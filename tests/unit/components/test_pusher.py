from __future__ import annotations

from pathlib import Path

from components.pusher.executor import folder_digest, newest_version


def _model(folder: Path, content: str) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_text(content, "utf-8")
    (folder / "saved_model.pb").write_text("graph", "utf-8")
    return folder


def test_the_newest_version_is_the_highest_number(tmp_path: Path) -> None:
    for name in ("9", "10", "notes"):
        (tmp_path / name).mkdir()
    assert newest_version(str(tmp_path)) == str(tmp_path / "10")


def test_no_version_is_pushed_yet(tmp_path: Path) -> None:
    assert newest_version(str(tmp_path)) is None
    assert newest_version(str(tmp_path / "missing")) is None


def test_a_digest_tells_models_apart_by_content_alone(tmp_path: Path) -> None:
    one, copy = _model(tmp_path / "1", "a"), _model(tmp_path / "2", "a")
    other = _model(tmp_path / "3", "b")
    assert folder_digest(str(one)) == folder_digest(str(copy))
    assert folder_digest(str(one)) != folder_digest(str(other))
