from __future__ import annotations

import json
from pathlib import Path

from modules.model_files import RENEWAL_RECORD, TRAINED_MODEL, folder_digest, trained_model_digest


def _model(folder: Path, content: str) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_text(content, "utf-8")
    (folder / "saved_model.pb").write_text("graph", "utf-8")
    return folder


def test_a_digest_tells_models_apart_by_content_alone(tmp_path: Path) -> None:
    one, copy = _model(tmp_path / "1", "a"), _model(tmp_path / "2", "a")
    other = _model(tmp_path / "3", "b")
    assert folder_digest(str(one)) == folder_digest(str(copy))
    assert folder_digest(str(one)) != folder_digest(str(other))


def test_a_renewed_model_was_trained_as_its_record_says(tmp_path: Path) -> None:
    trained, renewed = _model(tmp_path / "1", "a"), _model(tmp_path / "2", "b")
    (renewed / RENEWAL_RECORD).parent.mkdir()
    (renewed / RENEWAL_RECORD).write_text(json.dumps({TRAINED_MODEL: folder_digest(str(trained))}))
    assert trained_model_digest(str(renewed)) == trained_model_digest(str(trained))
