"""Variables of a real model, read from its checkpoint and written to a copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from modules.copies.model_variables import (
    COLUMNS,
    IDS,
    OWN_ITEMS,
    POPULAR,
    OldModelError,
    Variables,
    copy_without_variables,
)
from modules.files.model_folder import MANIFEST, RENEWAL_RECORD
from tests import exported_model
from tests.exported_model import IDS as ITEM_IDS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(exported_model.make(tmp_path_factory.mktemp("model") / "model"))


def test_they_are_found_by_the_ends_of_their_names(model: str) -> None:
    variables = Variables(model)
    assert [item.decode() for item in variables[IDS]] == ITEM_IDS
    assert variables["_items/_catalogue_ids"] is variables[IDS]
    assert COLUMNS in variables and "columns" not in variables and "olumns" not in variables
    with pytest.raises(OldModelError, match="exported by another version"):
        _ = variables["_no_such_variable"]


def test_a_changed_one_keeps_its_type(model: str) -> None:
    variables = Variables(model)
    before = variables[POPULAR].dtype
    variables[POPULAR] = np.array([2.0, 1.0])
    assert variables[POPULAR].dtype == before and variables[POPULAR].tolist() == [2, 1]


def test_the_popular_items_are_the_first_recommendable_ones(model: str) -> None:
    variables = Variables(model)
    offered = np.array([number in (1, 4) for number in range(len(ITEM_IDS))])
    variables.set_popular(offered)
    assert variables[POPULAR].tolist() == [1, 4, *[-1] * (len(ITEM_IDS) - 2)]
    assert variables.recommendable().all()
    variables.restrict(offered)
    assert (variables.recommendable() == offered).all()
    assert not variables[OWN_ITEMS]


def test_a_copy_has_all_files_but_those_of_its_own(model: str, tmp_path: Path) -> None:
    Path(model, RENEWAL_RECORD).write_text("{}")
    try:
        copy_without_variables(model, str(tmp_path / "copy"), "saved_model.pb")
    finally:
        Path(model, RENEWAL_RECORD).unlink()
    Variables(model).write(str(tmp_path / "copy"))
    files = {
        str(file.relative_to(folder))
        for folder in (Path(model), tmp_path / "copy")
        for file in folder.rglob("*")
        if file.is_file()
    }
    copied = {
        str(file.relative_to(tmp_path / "copy"))
        for file in (tmp_path / "copy").rglob("*")
        if file.is_file()
    }
    assert files - copied == {MANIFEST, "saved_model.pb"}
    was, now = Variables(model), Variables(str(tmp_path / "copy"))
    assert (was[COLUMNS] == now[COLUMNS]).all() and (was[IDS] == now[IDS]).all()


def test_a_model_without_these_variables_is_named(tmp_path: Path) -> None:
    tf.saved_model.save(tf.train.Checkpoint(x=tf.Variable(1.0)), str(tmp_path))
    with pytest.raises(OldModelError, match="cannot be refreshed: it was exported by another"):
        Variables(str(tmp_path))
