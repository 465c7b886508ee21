"""Assets of models that hold real sessions, and models that have learned from them."""

from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf

from modules.files.model_folder import (
    REFERENCE_PREDICTIONS,
    RENEWAL_RECORD,
    model_damage,
    write_json,
)
from modules.serving.warmup_requests import FILE, UNKNOWN_ITEM, replay_warmup_requests
from pipeline.forget.models import (
    ANSWERS,
    WARM_UPS,
    changed_models,
    learned_models,
    update_manifest,
)
from pipeline.forget.plan import replace_file
from pipeline.forget.sessions import find_forgotten
from tests import forgettable_out as made


def test_sessions_leave_the_answers_and_the_warm_up_requests(tmp_path: Path) -> None:
    made.examples(tmp_path)
    folder = made.model(tmp_path / "pushed" / "7")
    changes = list(changed_models(tmp_path, find_forgotten(tmp_path, made.IDS)))
    assert [change.kind for change in changes] == [WARM_UPS, ANSWERS]
    for change in changes:
        assert change.content is not None
        replace_file(change.path, change.content)
    kept = json.loads((folder / REFERENCE_PREDICTIONS).read_text())
    assert kept == {"sessions": [["gloves"]], "item_ids": [["shoes"]], "scores": [[2.0]]}
    asked: list[list[list[bytes]]] = []
    replay_warmup_requests(
        str(folder), {"recommend": lambda item_ids: asked.append(item_ids.numpy().tolist())}
    )
    items = {item for batch in asked for row in batch for item in row}
    assert items == {b"gloves", UNKNOWN_ITEM}
    assert model_damage(str(folder))
    update_manifest(folder)
    assert model_damage(str(folder)) is None


def test_other_damage_stays_known(tmp_path: Path) -> None:
    folder = made.model(tmp_path / "7")
    (folder / "saved_model.pb").write_text("other")
    update_manifest(folder)
    assert "saved_model.pb" in (model_damage(str(folder)) or "")


def test_models_are_found_by_the_time_of_what_they_learned(tmp_path: Path) -> None:
    made.examples(tmp_path)
    one = made.model(tmp_path / "pushed" / "7")
    made.model(tmp_path / "pushed" / "8", first_start=2_500, last_start=9_000)
    made.model(made.artifact(tmp_path, "Trainer/model") / "Format-Serving")
    weights = tmp_path / "pushed_warm_start" / "7-0123456789abcdef"
    weights.mkdir(parents=True)
    (weights.with_name("8-fedcba9876543210")).mkdir()
    learned = learned_models(tmp_path, find_forgotten(tmp_path, made.IDS))
    assert learned.certain == {one, tmp_path / "artifacts/Trainer/model/2", weights}
    assert not learned.possible


def test_what_a_model_knows_of_later_clicks_counts_too(tmp_path: Path) -> None:
    made.examples(tmp_path)
    for name, until in (("7", 900), ("8", 10**9)):
        folder = made.model(tmp_path / "pushed" / name, first_start=0, last_start=500)
        write_json(str(folder), RENEWAL_RECORD, {"base": "/pushed/6", "until": until})
    learned = learned_models(tmp_path, find_forgotten(tmp_path, made.IDS))
    assert learned.certain == {tmp_path / "pushed" / "8"}


def test_older_models_may_have_learned_ids_that_no_example_holds(tmp_path: Path) -> None:
    made.examples(tmp_path)
    older = made.model(tmp_path / "pushed" / "7", first_start=100, last_start=900)
    made.model(tmp_path / "pushed" / "8", first_start=2_500, last_start=9_000)
    learned = learned_models(tmp_path, find_forgotten(tmp_path, [b"gone-long-ago"]))
    assert (learned.certain, learned.possible) == (frozenset(), {older})


def test_warm_up_requests_can_be_of_no_session(tmp_path: Path) -> None:
    folder = made.model(tmp_path / "7")
    path = folder / FILE
    assert len(list(tf.data.TFRecordDataset(str(path)))) > 0
