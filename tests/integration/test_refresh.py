"""A refreshed model recommends the listed items alone, as the trained model would."""

from __future__ import annotations

import functools
import gzip
import json
import shutil
import time
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
import pytest
import tensorflow as tf
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts

from components.pusher.node import Executor
from modules.evaluation.ranks import UNRANKED
from modules.files.model_folder import MANIFEST, RENEWAL_RECORD, model_damage, write_manifest
from pipeline.cli.main import main
from pipeline.history.rows import read_history
from serving import pushed_models


@pytest.fixture
def out(trained: Any, tmp_path: Path) -> Path:
    """A run's folder with one pushed model and its metadata."""
    shutil.copytree(trained.folder / "model", tmp_path / "pushed" / "7")
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    config.sqlite.connection_mode = config.sqlite.READWRITE_OPENCREATE
    mlmd.MetadataStore(config)
    return tmp_path


@functools.lru_cache
def _load(folder: Path) -> Any:
    return pushed_models.load_model(folder)


def _catalogue(out: Path, sample: Any) -> list[str]:
    vocabulary = sample.vocabulary()
    return [item.decode() for item in vocabulary.item_ids[: vocabulary.catalogue_size]]


def _refresh(out: Path, items: list[str], *more: str) -> int:
    file = out / "offer.txt"
    file.write_text("\n".join(items) + "\n", encoding="utf-8")
    return main(["refresh", "--items", str(file), "--out", str(out), *more])


def _answers(folder: Path, sessions: list[list[str]]) -> list[list[str]]:
    model = _load(folder)
    return [[item.item_id for item in row] for row in pushed_models.recommend(model, sessions, 100)]


def _filtered(folder: Path, session: list[str], **changes: Any) -> list[str]:
    rules = {"k": 100, "exclude": [[""]], "allow": [[""]], "session_items": "keep", **changes}
    values = {name: tf.constant(value) for name, value in rules.items()}
    ask = _load(folder).signatures["recommend_filtered"]
    found = ask(item_ids=tf.constant([session or [""]]), **values)["item_ids"].numpy()[0]
    return [item.decode() for item in found]


def test_items_are_removed_and_restored(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = _catalogue(out, sample)
    gone = catalogue[::3]
    left = [item for item in catalogue if item not in gone]
    known = {*catalogue}
    sessions = [[item for item in ids if item in known] for ids in sample.sessions["test"][:12]]
    sessions.append([])
    before = pushed_models.newest_model([out / "pushed"])

    assert _refresh(out, [*left, "brand new"]) == 0
    refreshed = pushed_models.newest_model([out / "pushed"])
    assert refreshed != before
    assert json.loads((refreshed / RENEWAL_RECORD).read_text())["gone"] == len(gone)
    assert (
        json.loads((refreshed / MANIFEST).read_text())["files"]
        and model_damage(str(refreshed)) is None
    )
    assert "ignored  1 item of the list" in capsys.readouterr().out

    for session, answer in zip(sessions, _answers(refreshed, sessions), strict=True):
        expected = _filtered(before, session, exclude=[gone], k=100)
        assert answer == expected
        assert _filtered(refreshed, session) == expected
        for rule in ("demote", "drop"):
            assert _filtered(refreshed, session, session_items=rule) == _filtered(
                before, session, exclude=[gone], session_items=rule
            )

    own = [left[0], "brand new", left[1]]
    assert "brand new" in _answers(before, [own])[0]
    assert _answers(refreshed, [own]) == _answers(refreshed, [left[:2]])  # not even if it is listed

    assert _refresh(out, catalogue) == 0
    again = pushed_models.newest_model([out / "pushed"])
    record = json.loads((again / RENEWAL_RECORD).read_text())
    assert (record["gone"], record["back"]) == (0, len(gone))
    assert _answers(again, sessions) == _answers(before, sessions)


def test_fewer_items_than_an_answer_holds(out: Path, sample: Any) -> None:
    few = _catalogue(out, sample)[40:47]
    assert _refresh(out, few, "--least-share", "0") == 0
    folder = pushed_models.newest_model([out / "pushed"])
    for answer in _answers(folder, [[], few[:2]]):
        assert sorted(answer) == sorted(few)


def test_an_empty_session_is_evaluated_as_it_is_answered(out: Path, sample: Any) -> None:
    catalogue = _catalogue(out, sample)
    assert _refresh(out, catalogue[:2] + catalogue[5:]) == 0
    folder = pushed_models.newest_model([out / "pushed"])
    answer = _answers(folder, [[]])[0]
    for target, rank in ((answer[0], 1), (answer[4], 5), (catalogue[3], UNRANKED)):
        assert _rank_after_unknown(folder, target) == rank


def _rank_after_unknown(folder: Path, target: str) -> int:
    ids = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"never seen", target.encode()]))
    example = tf.train.Example(features=tf.train.Features(feature={"item_ids": ids}))
    judged = _load(folder).signatures["evaluate"](
        examples=tf.constant([example.SerializeToString()])
    )
    return int(judged["rank"].numpy()[0, 0])


def test_the_model_that_was_refreshed_is_not_pushed_again(out: Path, sample: Any) -> None:
    assert _refresh(out, _catalogue(out, sample)[5:]) == 0
    assert _refresh(out, _catalogue(out, sample)[9:]) == 0
    versions = sorted((path.name for path in (out / "pushed").iterdir()), key=int)

    pushed = _push(out / "pushed" / "7", out)

    assert {path.name for path in (out / "pushed").iterdir()} == set(versions)
    assert pushed.get_string_custom_property("pushed_version") == versions[-1]


def test_another_model_is_pushed_over_a_refreshed_one(out: Path, sample: Any) -> None:
    assert _refresh(out, _catalogue(out, sample)[5:]) == 0
    other = shutil.copytree(out / "pushed" / "7", out / "other")
    (other / "assets.extra" / "note").parent.mkdir(exist_ok=True)
    (other / "assets.extra" / "note").write_text("another training", "utf-8")
    write_manifest(str(other), "another training")
    refreshed = pushed_models.newest_model([out / "pushed"])
    ahead = refreshed.rename(refreshed.with_name(str(int(time.time()) + 2)))  # of a hasty series

    _push(other, out)

    newest = pushed_models.newest_model([out / "pushed"])
    assert int(newest.name) > int(ahead.name)
    assert (newest / "assets.extra" / "note").is_file()


def _push(model: Path, out: Path) -> Any:
    """Runs the Pusher on a blessed model, as a run that trained nothing does."""
    shutil.copytree(model, out / "artifact" / "Format-Serving", dirs_exist_ok=True)
    trained, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
    pushed = standard_artifacts.PushedModel()
    trained.uri, blessing.uri, pushed.uri = (
        str(out / name) for name in ("artifact", "blessing", "pushed_model")
    )
    blessing.set_int_custom_property("blessed", 1)
    destination = pusher_pb2.PushDestination()
    destination.filesystem.base_directory = str(out / "pushed")
    Executor().Do(
        {"model": [trained], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"push_destination": json_format.MessageToJson(destination), "custom_config": "null"},
    )
    return pushed


def test_lineage_is_kept(out: Path, sample: Any) -> None:
    assert _refresh(out, _catalogue(out, sample)[5:]) == 0
    assert _refresh(out, _catalogue(out, sample)[9:]) == 0
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(out / "metadata.sqlite")
    store = mlmd.MetadataStore(config)
    first, second = store.get_executions_by_type("IndexRenewal")
    assert second.custom_properties["gone"].int_value == 4
    uris = {artifact.id: artifact.uri for artifact in store.get_artifacts()}
    kind = metadata_store_pb2.Event
    ends = {
        (event.execution_id, event.type): uris[event.artifact_id]
        for event in store.get_events_by_execution_ids([first.id, second.id])
    }
    assert ends[first.id, kind.INPUT] == str(out / "pushed" / "7")
    assert ends[first.id, kind.OUTPUT] == ends[second.id, kind.INPUT]
    newest = pushed_models.newest_model([out / "pushed"])
    assert ends[second.id, kind.OUTPUT] == str(newest)
    rows = read_history(out).rows
    assert [row["verdict"] for row in rows[-2:]] == ["refreshed"] * 2
    assert rows[-2]["base_version"] == "7"
    assert rows[-2]["pushed_version"] == rows[-1]["base_version"]
    assert rows[-1]["served_version"] == newest.name


def test_a_list_of_a_spreadsheet_is_read_or_refused_by_name(
    out: Path, sample: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = _catalogue(out, sample)
    text = "".join(f"\ufeff {item}\t\r\r\n" for item in catalogue)
    (out / "padded.txt").write_bytes(gzip.compress(text.encode()))
    (out / "utf16.txt").write_bytes(text.encode("utf-16"))
    assert main(["refresh", "--items", str(out / "padded.txt"), "--out", str(out)]) == 0
    assert "0 removed, 0 restored" in capsys.readouterr().out
    assert main(["refresh", "--items", str(out / "utf16.txt"), "--out", str(out)]) == 1
    assert "utf16.txt is UTF-16 text: write it as UTF-8" in capsys.readouterr().err
    assert _refresh(out, [f"{item},shoe" for item in catalogue]) == 1
    assert f"first unknown line is '{catalogue[0]},shoe'." in capsys.readouterr().err


def test_a_padded_id_is_the_item_of_the_log(out: Path, sample: Any) -> None:
    items = _catalogue(out, sample)[:3]
    folder = out / "pushed" / "7"
    assert _answers(folder, [[f" {item}\t" for item in items]]) == _answers(folder, [items])


@pytest.mark.parametrize(
    ("items", "words"),
    [(["x"], "lists 0, less than the share 0.5"), ([], "lists 0, less than the share 0.5")],
)
def test_a_list_that_was_cut_off_pushes_nothing(
    out: Path, items: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _refresh(out, items) == 1
    assert words in capsys.readouterr().err
    assert [path.name for path in (out / "pushed").iterdir()] == ["7"]
