"""Copies of a real model that recommend the items of a list alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from modules.copies.model_variables import Variables
from modules.copies.offered_items import OfferError, read_offer
from modules.copies.restricted_model import (
    is_of_standing_list,
    read_restriction,
    trained_version,
    write_restricted,
)
from modules.files.model_folder import learned_from, model_damage
from tests import exported_model
from tests.exported_model import IDS

load = tf.saved_model.load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(exported_model.make(tmp_path_factory.mktemp("model") / "model"))


def restrict(model: str, folder: Path, items: list[str], **more: Any) -> Any:
    folder.mkdir(exist_ok=True)
    (folder / "list").write_text("\n".join(items))
    variables = Variables(model)
    offer = read_offer(str(folder / "list"), variables.ids, 0.2, "x")
    return write_restricted(model, variables, str(folder / "copy"), offer, load, **more)


def answers(folder: str, *sessions: str) -> list[list[str]]:
    found = load(folder).signatures["recommend"](item_ids=tf.constant(sessions)[:, None])
    return [[item.decode() for item in row if item] for row in found["item_ids"].numpy()]


def test_a_copy_recommends_the_list_alone_in_the_models_order(model: str, tmp_path: Path) -> None:
    offered = [*IDS[1:4], IDS[7], "new"]
    counts = restrict(model, tmp_path, offered)
    assert counts == (9, 4, 5, 0, 1)
    copy = str(tmp_path / "copy")
    for before, after in zip(answers(model, "", IDS[3]), answers(copy, "", IDS[3]), strict=True):
        assert after == [item for item in before if item in offered]
    assert model_damage(copy) is None and learned_from(copy) == "monday"


def test_what_does_not_change_takes_no_space(model: str, tmp_path: Path) -> None:
    restrict(model, tmp_path, IDS[:5])
    graph = os.path.join(model, "saved_model.pb")
    assert os.path.samefile(graph, tmp_path / "copy" / "saved_model.pb")
    assert Variables(model).recommendable().all()  # the original stays as it was


def test_the_record_names_list_and_base_and_compares_with_the_version_before(
    model: str, tmp_path: Path
) -> None:
    was = np.arange(9) < 3
    restrict(model, tmp_path, IDS[1:5], base="/pushed/7", was=was, is_standing=True)
    copy = str(tmp_path / "copy")
    record = read_restriction(copy)
    assert record is not None
    assert {name: record[name] for name in ("base", "offered", "gone", "back")} == {
        "base": "/pushed/7",
        "offered": 4,
        "gone": 1,
        "back": 2,
    }
    assert is_of_standing_list(copy)
    assert read_restriction(model) is None and not is_of_standing_list(model)


def test_a_copy_that_answers_with_other_items_is_refused(model: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("\n".join(IDS[4:]))
    variables = Variables(model)
    offer = read_offer(str(tmp_path / "list"), variables.ids, 0.2, "x")
    with pytest.raises(OfferError, match="items that are not on the list"):
        # A copy that is served as the original was.
        write_restricted(model, variables, str(tmp_path / "copy"), offer, lambda _: load(model))


def test_the_trained_version_is_found_through_refreshes(model: str, tmp_path: Path) -> None:
    bases = {"8": "7", "9": "/moved/8", "10": "missing", "11": "11", "12": "13", "13": "12"}
    for name in ("7", *bases):
        folder = tmp_path / name / "assets.extra"
        folder.mkdir(parents=True)
        (tmp_path / name / "saved_model.pb").touch()
        if name in bases:
            (folder / "renewal.json").write_text(f'{{"base": "{bases[name]}"}}')
    found = {name: os.path.basename(trained_version(str(tmp_path / name))) for name in bases}
    assert found == {"8": "7", "9": "7", "10": "10", "11": "11", "12": "13", "13": "12"}
    (tmp_path / "9" / "assets.extra" / "renewal.json").write_text('{"trained": "7", "base": "8"}')
    shutil.rmtree(tmp_path / "8")
    assert trained_version(str(tmp_path / "9")) == str(tmp_path / "7")
    assert trained_version(str(tmp_path / "7")) == str(tmp_path / "7")
