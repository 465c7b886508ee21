"""Nodes that find and keep what outlives a run, on real folders."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tfx.types import Artifact, standard_artifacts

from components.previous_run.kept_folders import KEPT, PROPERTIES
from components.previous_run.node import (
    KeptStatistics,
    LatestPushedModel,
    StatisticsKeeper,
)
from modules.daily.model_day import write_day
from modules.files.learned_data import LearnedData, write_learned
from modules.files.model_folder import RENEWAL_RECORD, write_json
from modules.found import FOUND
from tests import file_uris
from tests.daily_examples import DAY_MS, examples_of

_named: Callable[[Path], str] = str


@pytest.fixture(autouse=True, params=[str, file_uris.uri], ids=["paths", "URIs"])
def _naming(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs every test with paths, and with URIs of the same folders."""
    monkeypatch.setattr(sys.modules[__name__], "_named", request.param)


def _version(folder: Path, name: str, content: str, whole: bool = True) -> None:
    (folder / name / "variables").mkdir(parents=True)
    (folder / name / "variables" / "data").write_text(content, "utf-8")
    if whole:
        (folder / name / "saved_model.pb").write_text(content, "utf-8")


def _artifact(kind: type[Artifact], folder: Path) -> Artifact:
    artifact = kind()
    artifact.uri = _named(folder)
    return artifact


def _latest_model(push_folder: Path, place: Path, span: int | None = None) -> Artifact:
    model = _artifact(standard_artifacts.Model, place)
    LatestPushedModel.test_call(
        model=model, examples=examples_of(span), push_folder=_named(push_folder)
    )
    return model


def test_of_a_model_that_clicks_refreshed_the_trained_one_is_compared(tmp_path: Path) -> None:
    for name in ("7", "8", "9"):
        _version(tmp_path / "pushed", name, name)
    for name, more in (("8", {}), ("9", {"until": 1})):
        record = {"base": str(tmp_path / "pushed" / "7"), **more}
        write_json(str(tmp_path / "pushed" / name), RENEWAL_RECORD, record)
    model = _latest_model(tmp_path / "pushed", tmp_path / "model")
    assert model.get_string_custom_property("pushed_version") == "7"
    copied = tmp_path / "model" / "Format-Serving" / "saved_model.pb"
    assert copied.read_text("utf-8") == "7"
    shutil.rmtree(tmp_path / "pushed" / "9")  # the one before follows a list
    model = _latest_model(tmp_path / "pushed", tmp_path / "other")
    assert model.get_string_custom_property("pushed_version") == "8"


def test_the_newest_version_is_copied_to_where_tfx_looks_for_a_model(tmp_path: Path) -> None:
    for name in ("99", "1000", "200"):  # By number, not by name.
        _version(tmp_path / "pushed", name, name)
    (tmp_path / "pushed" / "readme").mkdir()
    model = _latest_model(tmp_path / "pushed", tmp_path / "model")
    copied = tmp_path / "model" / "Format-Serving"
    assert (copied / "saved_model.pb").read_text("utf-8") == "1000"
    assert (copied / "variables" / "data").read_text("utf-8") == "1000"
    assert model.get_int_custom_property(FOUND) == 1
    assert model.get_string_custom_property("pushed_version") == "1000"


@pytest.mark.parametrize(("span", "expected"), [(None, "3"), (12, "3"), (10, "2"), (9, "3")])
def test_a_past_day_is_compared_with_the_model_that_served_then(
    tmp_path: Path, span: int | None, expected: str
) -> None:
    """Of a day that all models learned, the newest comes, which the gate leaves out by name."""
    for name, last_day in (("1", None), ("2", 9), ("3", 11)):
        _version(tmp_path / "pushed", name, name)
        if last_day is not None:
            last_start = last_day * DAY_MS
            learned = LearnedData(("train",), 1, 2, 2, 0, last_start, last_start, "")
            write_learned(str(tmp_path / "pushed" / name), learned)
    model = _latest_model(tmp_path / "pushed", tmp_path / "model", span)
    assert model.get_string_custom_property("pushed_version") == expected


def test_the_day_that_a_version_is_of_goes_before_the_clocks_of_its_sessions(
    tmp_path: Path,
) -> None:
    for name, day, last_day in (("1", 10, 20), ("2", 11, 2)):
        _version(tmp_path / "pushed", name, name)
        version = str(tmp_path / "pushed" / name)
        write_learned(version, LearnedData(("train",), 1, 2, 2, 0, last_day * DAY_MS, 0, ""))
        write_day(version, str(day))
    model = _latest_model(tmp_path / "pushed", tmp_path / "model", span=11)
    assert model.get_string_custom_property("pushed_version") == "1"


def test_an_incomplete_version_does_not_count(tmp_path: Path) -> None:
    _version(tmp_path / "pushed", "1", "old")
    _version(tmp_path / "pushed", "2", "half", whole=False)
    _latest_model(tmp_path / "pushed", tmp_path / "model")
    copied = tmp_path / "model" / "Format-Serving" / "saved_model.pb"
    assert copied.read_text("utf-8") == "old"


@pytest.mark.parametrize("exists", [False, True])
def test_an_empty_or_missing_push_folder_is_not_an_error(tmp_path: Path, exists: bool) -> None:
    if exists:
        (tmp_path / "pushed").mkdir()
    model = _latest_model(tmp_path / "pushed", tmp_path / "model")
    assert model.get_int_custom_property(FOUND) == 0
    assert not (tmp_path / "model").exists()


def _keep(folder: Path, source: Path, content: str, span: int | None = None) -> None:
    (source / "Split-train").mkdir(parents=True)
    (source / "Split-train" / "FeatureStats.pb").write_text(content, "utf-8")
    statistics = _artifact(standard_artifacts.ExampleStatistics, source)
    statistics.split_names = '["train", "test"]'
    StatisticsKeeper.test_call(
        statistics=statistics, examples=examples_of(span), folder=_named(folder)
    )


def _kept(folder: Path, place: Path, span: int | None = None) -> Artifact:
    statistics = _artifact(standard_artifacts.ExampleStatistics, place)
    KeptStatistics.test_call(
        statistics=statistics, examples=examples_of(span), folder=_named(folder)
    )
    return statistics


def test_the_statistics_kept_last_come_back_with_their_splits(tmp_path: Path) -> None:
    for run in range(KEPT + 2):
        _keep(tmp_path / "accepted", tmp_path / f"run-{run}", str(run))
    statistics = _kept(tmp_path / "accepted", tmp_path / "found")
    found = tmp_path / "found" / "Split-train" / "FeatureStats.pb"
    assert found.read_text("utf-8") == str(KEPT + 1)
    assert statistics.split_names == '["train", "test"]'
    assert statistics.get_int_custom_property(FOUND) == 1
    assert len(list((tmp_path / "accepted").iterdir())) == KEPT


@pytest.mark.parametrize(
    ("span", "expected"), [(14, "13 again"), (13, "11"), (11, "no window"), (None, "13 again")]
)
def test_in_a_window_the_day_before_comes_back(
    tmp_path: Path, span: int | None, expected: str
) -> None:
    """A run of a past day, or of one day twice, is not compared with later data or itself."""
    for number, (day, content) in enumerate(
        [(None, "no window"), (11, "11"), (14, "14"), (13, "13"), (13, "13 again")]
    ):
        _keep(tmp_path / "accepted", tmp_path / f"run-{number}", content, day)
    _kept(tmp_path / "accepted", tmp_path / "found", span)
    found = tmp_path / "found" / "Split-train" / "FeatureStats.pb"
    assert found.read_text("utf-8") == expected


def test_incomplete_statistics_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "accepted" / "99999999999999" / "Split-train").mkdir(parents=True)
    statistics = _kept(tmp_path / "accepted", tmp_path / "found")
    assert statistics.get_int_custom_property(FOUND) == 0
    _keep(tmp_path / "accepted", tmp_path / "run", "whole")
    _kept(tmp_path / "accepted", tmp_path / "found")
    assert (tmp_path / "found" / "Split-train" / "FeatureStats.pb").read_text("utf-8") == "whole"


def test_versions_rise_and_the_newest_stay_whatever_the_clock_says(tmp_path: Path) -> None:
    """A clock that was set back would else make the newest data the oldest, and remove them."""
    for run in range(4):
        _keep(tmp_path / "accepted", tmp_path / f"run-{run}", str(run))
        if run == 0:
            (only,) = (tmp_path / "accepted").iterdir()
            only.rename(only.with_name("4102444800"))  # the year 2100
    _kept(tmp_path / "accepted", tmp_path / "found")
    assert (tmp_path / "found" / "Split-train" / "FeatureStats.pb").read_text("utf-8") == "3"


@pytest.mark.parametrize("file", ["Split-train/FeatureStats.pb", PROPERTIES])
@pytest.mark.parametrize("content", [None, "", "{}", "[1]"])
def test_damaged_statistics_are_skipped(
    tmp_path: Path, file: str, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in range(2):
        _keep(tmp_path / "accepted", tmp_path / f"run-{run}", str(run))
    newest = max((tmp_path / "accepted").iterdir(), key=lambda path: int(path.name))
    (newest / file).unlink() if content is None else (newest / file).write_text(content)

    _kept(tmp_path / "accepted", tmp_path / "found")

    assert (tmp_path / "found" / "Split-train" / "FeatureStats.pb").read_text("utf-8") == "0"
    assert f"{newest} is skipped: " in capsys.readouterr().out


def test_the_nodes_carry_folder_and_digest_as_properties() -> None:
    found = KeptStatistics(folder="/accepted", source_digest="digest")
    assert found.exec_properties == {"folder": "/accepted", "source_digest": "digest"}
    assert LatestPushedModel(push_folder="/pushed").exec_properties["push_folder"] == "/pushed"
    keeper = StatisticsKeeper(statistics=found.outputs["statistics"], folder="/accepted")
    assert not keeper.outputs
