"""Options' names in the version before still work, with one warning."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest

from modules.config.fields import former_names
from modules.config.options.tuner import TunerOptions
from modules.config.overrides import split_overrides
from modules.config.parsing import field_names
from pipeline.config import SECTIONS, Config, ConfigError, load_config, write_config

DATA = "data: {train: train.tsv, test: test.tsv}\n"
RENAMED = {
    "model": {"members": "ensemble_size", "neighbors": "num_neighbors"},
    "trainer": {"negatives": "num_negatives", "epochs": "max_epochs"},
    "tuner": {"trials": "num_trials"},
    "index": {"rescored": "rerank_depth"},
}


def _load(folder: Path, text: str, *overrides: str) -> Config:
    file = folder / "mine.yaml"
    file.write_text(DATA + text)
    return load_config(str(file), overrides, None)


def _problems(folder: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        _load(folder, text, *overrides)
    return list(error.value.problems)


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_former_names_are_those_of_the_version_before() -> None:
    found = {name: former_names(section) for name, section in SECTIONS.items()}
    assert {name: names for name, names in found.items() if names} == RENAMED
    for name, names in RENAMED.items():
        assert not set(names) & set(field_names(SECTIONS[name]))


@pytest.mark.parametrize("section", RENAMED)
def test_a_former_name_means_the_present_one_in_files_and_overrides(
    section: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for was, name in RENAMED[section].items():
        expected = _load(tmp_path, f"{section}: {{{name}: 100}}\n")
        assert not _warnings(caplog)
        assert _load(tmp_path, f"{section}: {{{was}: 100}}\n") == expected
        assert _load(tmp_path, "", f"{section}.{was}=100") == expected
        assert len(_warnings(caplog)) == 2
        for text in _warnings(caplog):
            assert f"{section}.{was} is now {section}.{name}" in text
        caplog.clear()


def test_one_warning_names_everything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = _load(
        tmp_path,
        "model: {members: 3}\ntuner: {space: {trainer.epochs: [1]}}\n",
        "index.rescored=200",
    )
    (text,) = _warnings(caplog)
    assert text.startswith("Config mine.yaml: ")
    for names in ("model.members", "trainer.epochs", "index.rescored"):
        assert f"{names} is now " in text
    assert (config.model.ensemble_size, config.index.rerank_depth) == (3, 200)
    assert config.tuner.space == {"trainer.max_epochs": (1,)}


def test_the_search_space_takes_former_names_of_options(tmp_path: Path) -> None:
    whole = _load(tmp_path, "", "tuner.space={model.members: [1, 2], model.gru_units: [8]}")
    assert whole.tuner.space == {"model.ensemble_size": (1, 2), "model.gru_units": (8,)}
    entry = _load(tmp_path, "", "tuner.space.model.members=[7]").tuner.space
    assert entry == {**TunerOptions().space, "model.ensemble_size": (7,)}
    assert _problems(
        tmp_path, "tuner: {space: {model.members: [1], model.ensemble_size: [2]}}"
    ) == [
        "tuner.space.model.members is now tuner.space.model.ensemble_size, and both are given: "
        "remove tuner.space.model.members"
    ]


def test_an_override_wins_over_a_file_whichever_names_they_use(tmp_path: Path) -> None:
    for in_file in ("epochs", "max_epochs"):
        for override in ("epochs", "max_epochs"):
            config = _load(tmp_path, f"trainer: {{{in_file}: 5}}\n", f"trainer.{override}=6")
            assert config.trainer.max_epochs == 6


def test_both_names_at_once_are_an_error(tmp_path: Path) -> None:
    expected = [
        "trainer.epochs is now trainer.max_epochs, and both are given: remove trainer.epochs"
    ]
    assert _problems(tmp_path, "trainer: {epochs: 1, max_epochs: 2}\n") == expected
    assert _problems(tmp_path, "", "trainer.epochs=1", "trainer.max_epochs=2") == expected


def test_a_bad_value_is_reported_by_the_present_name(tmp_path: Path) -> None:
    assert _problems(tmp_path, "", "trainer.epochs=0", "model.members=x") == [
        "model.ensemble_size must be a whole number, got 'x'",
        "trainer.max_epochs must be between 1 and 10000, got 0",
    ]


def test_the_configuration_of_a_run_of_the_version_before_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = _load(tmp_path, "model: {ensemble_size: 4}\ntrainer: {max_epochs: 7}\n")
    file = tmp_path / "config.yaml"
    write_config(config, file)
    text = file.read_text()
    for section, names in RENAMED.items():
        for was, name in names.items():
            text = text.replace(f"  {name}: ", f"  {was}: ").replace(
                f"{section}.{name}:", f"{section}.{was}:"
            )
    assert "model.members:" in text and "  members: 4" in text and "max_epochs" not in text
    file.write_text(text)
    assert load_config(str(file), (), None) == dataclasses.replace(config, name="mine")
    assert len(_warnings(caplog)) == 1


def test_weights_of_types_are_given_whole_or_one_by_one(tmp_path: Path) -> None:
    columns = ("sessions.visitor_column=v", "sessions.event_column=e")
    expected = {"view": 1.0, "add to cart": 3.0}
    text = "sessions.event_weights={view: 1, 'add to cart': 3}"
    for typed in ([text], split_overrides(text)):
        assert _load(tmp_path, "", *columns, *typed).sessions.event_weights == expected
    single = ("sessions.event_weights.view=1", "sessions.event_weights.cart=3")
    found = _load(tmp_path, "", *columns, *single).sessions.event_weights
    assert found == {"view": 1.0, "cart": 3.0}
    assert _problems(tmp_path, "", *columns, "sessions.event_weights={view: many}") == [
        "sessions.event_weights must be a mapping, each a number, got {'view': 'many'}"
    ]
