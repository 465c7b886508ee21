"""The description of an earlier model, from node to node."""

from __future__ import annotations

from pathlib import Path

from modules.training.base_model import BaseModel, read_base, state_folder, write_base


def test_it_comes_back(tmp_path: Path) -> None:
    base = BaseModel("/pushed/17", {"epochs": 3}, 30)
    write_base(str(tmp_path / "Format-Serving"), base)
    assert read_base(str(tmp_path / "Format-Serving")) == base
    assert state_folder(str(tmp_path)) == str(tmp_path / "weights")


def test_without_the_node_there_is_none(tmp_path: Path) -> None:
    assert read_base(None) is None
    assert read_base(str(tmp_path)) is None
