"""Pusher on folders that look like models; what it pushes is looked at, not loaded."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.experimental import simple_artifacts
from tfx.utils import proto_utils

from components.pusher.node import Executor
from modules.daily.artifacts import mark_day
from modules.daily.model_day import read_day
from modules.files.learned_data import LearnedData, write_learned
from modules.files.model_folder import (
    ITEM_LIST,
    RENEWAL_RECORD,
    model_damage,
    write_manifest,
)
from modules.items.item_names import ITEM_NAMES, read_item_names
from modules.items.known_names import ITEMS, ITEMS_FILE
from modules.push_origin import A_REFRESH, AN_EARLIER_RUN, PUSHED_BY, THIS_RUN
from modules.releases.record import PAUSE, RESUME, WITHDRAW, read_releases, record
from modules.releases.versions import stable_version
from modules.training.kept_weights import place_of
from tests.daily_examples import examples_of_days

Push = Callable[..., Path | None]


@pytest.fixture
def pushed(tmp_path: Path) -> Path:
    return tmp_path / "pushed"


@pytest.fixture
def origins() -> list[str]:
    """By what each model that `push` returned came to be where it is."""
    return []


@pytest.fixture
def push(tmp_path: Path, pushed: Path, origins: list[str]) -> Push:
    """Returns a function that pushes a model and returns where it says that the model is."""
    numbers = iter(range(100))

    def call(
        learned_from: str,
        blessed: bool = True,
        day: int | None = None,
        settings: str | None = json.dumps({"in_order": True}),
        weights: str = "",
        date: str | None = None,
        names: Mapping[str, str] | None = None,
    ) -> Path | None:
        run = tmp_path / "artifacts" / str(next(numbers))
        model = standard_artifacts.Model()
        model.uri = str(run / "model")
        folder = run / "model" / "Format-Serving"
        (folder / "variables").mkdir(parents=True)
        (folder / "variables" / "data").write_text(f"weights of {learned_from}")
        (folder / "saved_model.pb").write_text(f"graph with the id {run}")
        if day is not None:
            learned = LearnedData(("train",), 1, 2, 2, 0, day * 86_400_000, 0, "")
            write_learned(str(folder), learned)
        (folder / "assets").mkdir()
        (folder / "assets" / ITEM_LIST).write_text("b\na\n")
        write_manifest(str(folder), learned_from)
        inputs = {}
        if names is not None:
            items = simple_artifacts.Dataset()
            items.uri = str(run)
            table = pa.table({"item_id": [*names], "title": [*names.values()]})
            pq.write_table(table, run / ITEMS_FILE)
            inputs = {ITEMS: [items]}
            settings = json.dumps({"items": json.dumps({"name_column": "title"})})
        if weights:
            (run / "model" / "warm_start").mkdir()
            (run / "model" / "warm_start" / "state.json").write_text(weights)
        blessing = standard_artifacts.ModelBlessing()
        blessing.uri = str(run / "blessing")
        mark_day(blessing, examples_of_days(date) if date else None)
        Path(blessing.uri).mkdir()
        blessing.set_int_custom_property("blessed", int(blessed))
        (Path(blessing.uri) / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
        output = standard_artifacts.PushedModel()
        output.uri = str(run / "pushed_model")
        destination = pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(pushed))
        )
        Executor().Do(
            {"model": [model], "model_blessing": [blessing], **inputs},
            {standard_component_specs.PUSHED_MODEL_KEY: [output]},
            {
                standard_component_specs.PUSH_DESTINATION_KEY: proto_utils.proto_to_json(
                    destination
                ),
                standard_component_specs.CUSTOM_CONFIG_KEY: settings,
            },
        )
        if not output.get_int_custom_property("pushed"):
            return None
        place = Path(output.get_string_custom_property("pushed_destination"))
        assert output.get_string_custom_property("pushed_version") == place.name
        assert model_damage(str(place)) is None
        assert model_damage(output.uri) is None
        origins.append(output.get_string_custom_property(PUSHED_BY))
        return place

    return call


def test_a_blessed_model_is_pushed_and_a_refused_one_is_not(push: Push, pushed: Path) -> None:
    assert push("monday", blessed=False) is None
    assert not pushed.exists()
    first = push("monday")
    assert first is not None and first.parent == pushed
    assert abs(int(first.name) - time.time()) < 60


def test_a_model_that_was_trained_again_alike_is_not_pushed_again(push: Push, pushed: Path) -> None:
    first = push("monday")
    assert push("monday") == first
    assert list(pushed.iterdir()) == [first]
    assert push("tuesday") != first


def test_a_version_says_by_what_it_was_pushed(push: Push, pushed: Path, origins: list[str]) -> None:
    first = push("monday")
    assert first is not None
    push("monday")
    refreshed = shutil.copytree(first, pushed / f"{int(first.name) + 1}")
    (refreshed / RENEWAL_RECORD).write_text("{}")
    write_manifest(str(refreshed), "monday")
    assert push("monday") == refreshed
    push("tuesday")
    assert origins == [THIS_RUN, AN_EARLIER_RUN, A_REFRESH, THIS_RUN]


def _kept(version: Path | None) -> str | None:
    place = place_of(str(version))
    return (Path(place) / "state.json").read_text() if place and Path(place).exists() else None


def test_weights_are_kept_beside_the_push_folder_and_not_pushed(push: Push, pushed: Path) -> None:
    assert push("monday", blessed=False, weights="monday's") is None
    assert not list(pushed.parent.glob("pushed_*"))
    version = push("monday", weights="monday's")
    assert _kept(version) == "monday's"
    assert version is not None and not list(version.rglob("state.json"))
    assert _kept(push("tuesday")) is None


def test_weights_whose_copy_was_interrupted_are_copied_again(push: Push) -> None:
    version = push("monday", weights="monday's")
    place = place_of(str(version))
    assert place is not None
    (Path(place) / "state.json").write_text("mon")
    assert push("monday", weights="monday's") == version
    assert _kept(version) == "monday's"


def test_weights_of_the_newest_few_versions_are_kept(push: Push) -> None:
    versions = [push(f"{day}day", weights=str(day)) for day in range(5)]
    assert [_kept(version) for version in versions] == [None, None, "2", "3", "4"]


def test_a_version_that_is_gone_is_pushed_again(push: Push) -> None:
    first = push("monday")
    assert first is not None
    shutil.rmtree(first)
    again = push("monday")
    assert again is not None and again.exists()


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/data", "assets.extra/manifest.json"])
def test_a_damaged_version_is_pushed_again_above_it(
    push: Push, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = push("monday")
    assert first is not None
    (first / file).write_text("other")

    again = push("monday")

    assert again is not None and int(again.name) > int(first.name)
    assert f"{first} is damaged, {file}" in capsys.readouterr().out


def test_half_a_push_is_not_taken_for_a_model(push: Push) -> None:
    first = push("monday")
    assert first is not None
    (first / "saved_model.pb").unlink()  # it is copied last
    assert push("monday") != first


def test_versions_rise_though_the_newest_lies_in_the_future(push: Push) -> None:
    first = push("monday")
    assert first is not None
    ahead = first.rename(first.with_name("4102444800"))  # the year 2100
    assert push("monday") == ahead
    assert push("tuesday") == ahead.with_name("4102444801")
    assert push("wednesday") == ahead.with_name("4102444802")


def test_folders_that_are_not_versions_are_ignored(push: Push, pushed: Path) -> None:
    for name in ("notes", "²", ".unfinished-4102444800", "9" * 30):
        (pushed / name).mkdir(parents=True)
    first = push("monday")
    assert first is not None and abs(int(first.name) - time.time()) < 60


def test_a_model_of_a_past_day_is_not_pushed_over_a_later_one(
    push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push("day 2", day=2)
    serving = push("day 9", day=9)
    assert serving
    assert push("day 8", day=8) is None
    assert (
        f"Not pushed: version {serving.name} serves, which learned sessions until 1970-01-10"
        in capsys.readouterr().out
    )
    assert push("day 9, other options", day=9) not in (None, serving)


def test_a_session_with_a_wrong_clock_does_not_keep_later_models_back(
    push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    today = int(time.time() / 86_400)
    ahead = push("a session of the year 2100", day=47_482)
    assert ahead
    assert push("today", day=today) not in (None, ahead)
    assert f"{ahead} learned a session of the future, 2100-01-01" in capsys.readouterr().out
    assert push("yesterday", day=today - 1) is None


def test_the_evaluated_day_decides_whatever_the_clocks_of_sessions_say(
    push: Push, capsys: pytest.CaptureFixture[str]
) -> None:
    serving = push("the 11th", day=2, date="2015-09-11")
    assert serving and read_day(str(serving)) == "2015-09-11"
    assert push("the 10th, with a session of the 20th", day=20, date="2015-09-10") is None
    reason = f"{serving.name} serves, which is of 2015-09-11; this model is of 2015-09-10"
    assert f"Not pushed: version {reason}" in capsys.readouterr().out
    newest = push("the 12th", day=1, date="2015-09-12")
    assert newest not in (None, serving)


def test_a_damaged_newest_version_lets_no_past_day_be_pushed(push: Push) -> None:
    serving, newest = (push(date, date=date) for date in ("2015-09-11", "2015-09-12"))
    assert serving and newest
    (newest / "variables" / "data").write_text("other")
    assert push("the 10th", date="2015-09-10") is None
    assert push("the 12th again", date="2015-09-12") not in (None, serving, newest)


def test_nothing_is_pushed_while_pushing_is_paused(push: Push, pushed: Path) -> None:
    record(str(pushed), PAUSE, by="ann", why="holidays")
    assert push("monday") is None and not pushed.exists()
    record(str(pushed), RESUME)
    assert push("monday")


def test_a_model_that_was_rolled_back_from_is_not_pushed_again(
    push: Push, pushed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = push("good"), push("bad")
    assert good and bad
    record(str(pushed), WITHDRAW, bad.name, "bad", "ann", "slow")
    assert push("bad") is None
    assert f"version {bad.name} of this model was withdrawn by ann" in capsys.readouterr().out
    assert list(pushed.iterdir()) == [good]  # what was not moved aside yet is
    assert push("good") == good
    newer = push("other")
    assert newer and int(newer.name) > int(bad.name)


def test_a_model_whose_refreshed_version_was_withdrawn_stays_pushed(
    push: Push, pushed: Path
) -> None:
    good = push("good")
    assert good
    refreshed = shutil.copytree(good, pushed / f"{int(good.name) + 1}")
    record(str(pushed), WITHDRAW, refreshed.name, "good")
    assert push("good") == good


def test_a_new_version_can_be_on_trial_first(push: Push, pushed: Path) -> None:
    stable = push("monday")
    canary = push("tuesday", settings=json.dumps({"is_canary": True}))
    assert stable and canary
    labels = read_releases(str(pushed)).labels([stable.name, canary.name])
    assert labels == {stable.name: "stable", canary.name: "canary"}
    assert stable_version(str(pushed)) == str(stable)


@pytest.mark.parametrize("settings", [None, "", "null", "{}"])
def test_a_pusher_without_settings_pushes_in_any_order(push: Push, settings: str | None) -> None:
    assert push("day 9", day=9, settings=settings)
    assert push("day 8", day=8, settings=settings)


def test_without_days_or_a_record_of_them_any_model_is_pushed(push: Push) -> None:
    assert push("day 9", day=9)
    assert push("day 8", day=8, settings=json.dumps({"in_order": False}))
    assert push("of a former version")
    assert push("day 2", day=2)


def test_a_version_carries_the_names_of_the_models_items(push: Push, pushed: Path) -> None:
    first = push("monday", names={"a": "Hat", "new": "Shoe", "b": "Coat"})
    assert first is not None
    assert list(read_item_names(first).names.items()) == [("b", "Coat"), ("a", "Hat")]
    assert push("monday", names={"b": "Coat", "a": "Hat"}) == first

    second = push("monday", names={"b": "Coat", "a": "Cap"})
    assert second is not None and second != first
    assert read_item_names(second).name("a") == "Cap"
    assert read_item_names(first).name("a") == "Hat"  # though other files are shared
    assert model_damage(str(first)) is None
    weights = Path("variables", "data")
    assert (first / weights).read_text() == (second / weights).read_text()

    third = push("monday")
    assert third is not None and third != second
    assert not (third / ITEM_NAMES).exists()
    assert push("monday", names={}) == third
    assert len(list(pushed.iterdir())) == 3


def test_new_names_come_with_the_items_that_were_withdrawn(push: Push, pushed: Path) -> None:
    first = push("monday", date="2026-03-01", names={"a": "Hat"})
    assert first is not None
    refreshed = shutil.copytree(first, pushed / f"{int(first.name) + 1}")
    (refreshed / "variables" / "data").write_text("fewer items")
    (refreshed / RENEWAL_RECORD).write_text("{}")
    write_manifest(str(refreshed), "monday")
    second = push("monday", date="2026-03-02", names={"a": "Cap"})
    assert second is not None and int(second.name) > int(refreshed.name)
    assert (second / "variables" / "data").read_text() == "fewer items"
    assert (read_item_names(second).name("a"), read_item_names(refreshed).name("a")) == (
        "Cap",
        "Hat",
    )
    assert (read_day(str(second)), read_day(str(refreshed))) == ("2026-03-02", "2026-03-01")
