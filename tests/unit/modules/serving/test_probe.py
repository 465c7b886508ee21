"""Programs called in processes of their own: what they get, and how they fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modules.serving.probe import ModelFailedError, call_in_process, call_isolated
from tests import file_uris

ECHO = """
import json, os, sys
folder, sent, answered, *others = sys.argv[1:]
answer = {"folders": [folder, *others], "sent": json.load(open(sent)), "cwd": os.getcwd()}
answer["files"] = [sorted(os.listdir(folder)) for folder in answer["folders"]]
json.dump(answer, open(answered, "w"))
"""


def _call(code: str, *folders: Any, **options: Any) -> dict[str, Any]:
    return call_in_process(["-c", code], {"real": [["a", "\udcff"]]}, *map(str, folders), **options)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"x")
    return folder


def test_a_program_gets_folders_and_requests_and_returns_answers(
    model: Path, tmp_path: Path
) -> None:
    found = _call(ECHO, model, tmp_path, cwd=str(tmp_path))
    assert found["folders"] == [str(model), str(tmp_path)]
    assert found["sent"] == {"real": [["a", "\udcff"]]}
    assert found["cwd"] == str(tmp_path)
    assert not Path(_call(ECHO, model)["cwd"]).exists()  # a temporary one


def test_a_model_elsewhere_is_copied_first(model: Path) -> None:
    found = _call(ECHO, file_uris.uri(model))
    assert found["folders"] != [str(model)] and found["files"] == [["saved_model.pb"]]


def test_a_program_that_fails_is_quoted_by_its_last_lines(model: Path) -> None:
    code = "import sys; print('noise\\n' * 9, file=sys.stderr); raise ValueError('no\\nsuch op')"
    with pytest.raises(ModelFailedError) as error:
        _call(code, model)
    assert str(error.value).endswith("ValueError: no\nsuch op")
    assert len(str(error.value).splitlines()) == 3


def test_a_program_that_was_killed_is_named_by_its_signal(model: Path) -> None:
    code = "import os, signal, sys; print('noise', file=sys.stderr); os.kill(os.getpid(), 9)"
    with pytest.raises(ModelFailedError, match="the process that loads it was killed by SIGKILL"):
        _call(code, model)


def test_a_folder_without_a_model_fails_in_the_isolated_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the working directory nor PYTHONPATH is searched for modules there."""
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('the wrong TensorFlow')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ModelFailedError, match="SavedModel file does not exist at"):
        call_isolated({"known": [], "real": []}, str(tmp_path))
