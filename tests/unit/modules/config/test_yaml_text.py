"""A text option takes the text, in overrides and in YAML files, and a written file keeps it."""

from __future__ import annotations

import dataclasses
import random
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from modules.config.overrides import split_overrides
from modules.config.parsing import read_assigned
from modules.config.yaml_text import format_yaml, parse_yaml, unwrap
from modules.sessions.click_header import read_header
from modules.sessions.click_log import parse_rows
from pipeline.config import Config, ConfigError, load_config, write_config

DATA = ("data.train=train.tsv", "data.test=test.tsv")
# What some dialect of YAML reads as something else than text, or not at all.
NOT_TEXT_IN_YAML = (
    *("1", "-1", "010", "0x1F", "0o7", "0b1", "1_000", "1.0", "1.10", "1e5", "1e-3", ".5", "1:30"),
    *(".inf", ".nan", "on", "Off", "yes", "n", "true", "~", "Null", "NULL", "2024-01-01", "="),
    *("#", "#1", "a #b", "@x", "`x", "%x", "!x", "&x", "*x", "|", ">", "{SPAN}/x", "[x].tsv", "-"),
    *("- a", "? a", ": ", "a: b", "'", '"', "''", "a'b", "it's", '"a" b "c"', " a", "a ", "\ta"),
    *(
        "\\",
        "\\d",
        "\\t",
        "a\\",
        "a\nb",
        "\r",
        "\x85",
        "\u2028",
        "\ufeff",
        "é",
        "\x01",
        "<<",
        "---",
    ),
)
DELIMITERS = [chr(code) for code in range(1, 128) if chr(code) not in '"\r\n']


def _random_texts(count: int) -> list[str]:
    rng = random.Random(7)
    alphabet = [*"aB0 1.:#'\"\\-{}[],&*!|>%@`~=\t\n\r_eonul", "\x85", "\u2028", "\ufeff", "é", "😀"]
    return ["".join(rng.choices(alphabet, k=rng.randint(1, 12))) for _ in range(count)]


NAMES = [text for text in NOT_TEXT_IN_YAML if text.strip()]
TEXTS = [*NOT_TEXT_IN_YAML, *_random_texts(2000)]


def _load(*overrides: str, preset: str = "custom") -> Config:
    return load_config(preset, [*DATA, *overrides], None)


def _problems(preset: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load_config(preset, [*DATA, *overrides], None)
    return list(error.value.problems)


def _file(folder: Path, text: str) -> str:
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8", newline="")
    return str(file)


@pytest.mark.parametrize("delimiter", [text for text in DELIMITERS if text != "'"])
def test_the_documented_form_sets_any_delimiter(delimiter: str) -> None:
    written = delimiter.replace("\\", "\\\\")  # as in any shell's double quotes
    (override,) = split_overrides(f'sessions.delimiter="{written}"')
    assert _load(override).sessions.delimiter == delimiter


@pytest.mark.parametrize("delimiter", [";", ",", "|", "#", "~", ":", "^", " ", "\t", r"\t", "tab"])
def test_rows_are_read_at_a_delimiter_that_was_set_in_the_documented_form(delimiter: str) -> None:
    sessions = _load(*split_overrides(f'sessions.delimiter="{delimiter}"')).sessions
    character = "\t" if len(delimiter) > 1 else delimiter
    lines = [("SessionId", "ItemId", "Time"), ("s0", "i0", "1442004589439")]
    header, row = (f"{character.join(line)}\n".encode() for line in lines)
    rows = parse_rows(row, len(header), read_header(header, "clicks.txt", sessions))
    assert rows[:3] == ([b"s0"], [b"i0"], [1442004589439])


@pytest.mark.parametrize(
    "typed",
    [
        r"sessions.delimiter=\t",
        r'sessions.delimiter="\t"',
        r"sessions.delimiter='\t'",
        r"""sessions.delimiter='"\t"'""",
        "sessions.delimiter=tab",
        "sessions.delimiter='\t'",
    ],
)
def test_every_spelling_of_a_tab_is_a_tab(typed: str) -> None:
    (override,) = split_overrides(typed)
    assert _load(override).sessions.delimiter == "\t"


@pytest.mark.parametrize(
    ("typed", "text"), [("'\"|\"'", "|"), ("\"';'\"", ";"), ("'\"\\x01\"'", "\x01")]
)
def test_quotes_that_the_shell_left_are_taken_off(typed: str, text: str) -> None:
    (override,) = split_overrides(f"sessions.delimiter={typed}")
    assert _load(override).sessions.delimiter == text


def test_an_override_takes_any_text_as_typed() -> None:
    for text in TEXTS:
        (override,) = split_overrides(f"sessions.item_column={shlex.quote(text)}")
        if text[:1] not in ("'", '"'):  # of those others tell
            assert read_assigned(override.partition("=")[2], str) == text
    for text in ("#", "on", '"a" b "c"', "'", "\\d", " a"):
        assert _load(f"sessions.item_column={text}").sessions.item_column == text


def test_null_is_none_for_an_option_that_may_be_none_and_text_for_any_other() -> None:
    assert _load("sessions.delimiter=;", "sessions.delimiter=null").sessions.delimiter is None
    assert _load("sessions.item_column=null").sessions.item_column == "null"
    assert Path(_load('data.folder="null"').data.folder or "").name == "null"


@pytest.mark.parametrize("name", ["~", "#1.tsv", "[x].tsv", "{SPAN}.tsv", "1", "a: b", "*.tsv"])
def test_a_path_is_text(name: str) -> None:
    data = _load(f"data.train={name}", f"data.folder={name}").data
    assert (data.train, data.folder) == (name, name)


@pytest.mark.parametrize(
    "text", ["1", "on", "010", "1.10", "0x1F", "1_000", "2024-01-01", "~", "="]
)
def test_a_file_gives_an_unquoted_scalar_as_it_stands(text: str, tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        f"sessions:\n  item_column: {text}\nbeam_pipeline_args: [{text}, --x]\n",
    )
    config = _load(preset=file)
    assert config.sessions.item_column == text
    assert config.beam_pipeline_args == (text, "--x")


def test_a_file_of_any_quoted_texts(tmp_path: Path) -> None:
    for text in NAMES:
        file = _file(tmp_path, yaml.safe_dump({"sessions": {"item_column": text}}, width=1000))
        assert _load(preset=file).sessions.item_column == text, text


@pytest.mark.parametrize("value", ["#", "", "# a comment"])
@pytest.mark.parametrize("option", ["delimiter", "item_column"])
def test_an_empty_text_is_refused_with_the_reason(option: str, value: str, tmp_path: Path) -> None:
    (problem,) = _problems(_file(tmp_path, f"sessions:\n  {option}: {value}\n"))
    assert problem.startswith(f"sessions.{option} must be a string (in quotes if it is empty or")
    assert "begins with #" in problem


def test_a_number_on_the_command_line_has_no_comments() -> None:
    (problem,) = _problems("custom", "features.max_catalogue=#5")
    assert problem == "features.max_catalogue must be a whole number or null, got '#5'"


@pytest.mark.parametrize(
    ("text", "value"), [("010", 10), ("1_000", 1000), ("0x10", 16), ("1e2", 100)]
)
def test_a_number_is_read_in_decimal_or_by_its_prefix(
    text: str, value: int, tmp_path: Path
) -> None:
    assert _load(f"trainer.max_epochs={text}").trainer.max_epochs == value
    file = _file(tmp_path, f"trainer: {{max_epochs: {text}}}")
    assert _load(preset=file).trainer.max_epochs == value


def test_a_time_of_day_is_not_a_number() -> None:
    assert _problems("custom", "trainer.max_epochs=1:30") == [
        "trainer.max_epochs must be a whole number, got '1:30'"
    ]


def test_every_text_comes_back_from_a_written_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    for number, text in enumerate(NAMES):
        config = _load()
        delimiter = DELIMITERS[number % len(DELIMITERS)]
        config = dataclasses.replace(
            config,
            sessions=dataclasses.replace(config.sessions, item_column=text, delimiter=delimiter),
            data=dataclasses.replace(config.data, train=text, eval=text, folder=text),
            beam_pipeline_args=tuple(TEXTS) if number == 0 else (text,),
        )
        write_config(config, file)
        assert load_config(str(file), data=None) == config, text


@pytest.mark.parametrize(
    "value", [1, -0.001, 1e-7, 1e300, True, None, *NOT_TEXT_IN_YAML, [], {}, [None, ["1"]]]
)
def test_a_value_without_a_declared_type_keeps_its_own(value: Any) -> None:
    found = unwrap(parse_yaml(format_yaml({"a": [value], "b": {"1": value}})))
    assert found == {"a": [value], "b": {"1": value}}
    assert type(found["a"][0]) is type(value)


def test_a_huge_value_is_quoted_in_part(tmp_path: Path) -> None:
    huge = "x" * 10_000
    for problems in (
        _problems(_file(tmp_path, f"- {huge}")),
        _problems(_file(tmp_path, f"{huge}: 1\nname: [{huge}]\ntrainer: {{max_epochs: {huge}}}")),
        _problems("custom", f"trainer.max_epochs={huge}", f"trainer.x={huge}", huge),
        _problems("custom", f"trainer.max_epochs=[{huge}"),
        _problems("custom", f"name={huge}", f"user_code={huge}", f"{huge}=1", f"{huge}.y=[", huge),
        _problems(
            "custom", f"gate.{huge}=1", f"trainer.max_epochs.{huge}=1", f"trainer.loss={huge}"
        ),
        _problems("custom", *(f"sessions.{key}={huge}" for key in ("delimiter", "time_unit"))),
        _problems("custom", f"sessions.quoting={huge}", f"evaluation.split={huge}"),
        _problems("custom", f"baselines.names=[{huge}]", f"checks.stop_severities=[{huge}]"),
        _problems("custom", f"gate.beat_metrics=[{huge}]", f"gate.beat_baselines=[{huge}]"),
        _problems("custom", f"gate.thresholds.{huge}=0", f"gate.change_thresholds.{huge}=1"),
        _problems("custom", f"trainer.max_epochs=*{huge}", f"trainer.seed=!{huge} 1"),
        _problems(_file(tmp_path, f"trainer: {{{huge}: 1, {huge}: 1}}")),
        _problems(_file(tmp_path, f"trainer: *{huge}")),
    ):
        assert all("x" * 201 not in problem for problem in problems), problems
    with pytest.raises(ValueError) as error:
        split_overrides(f"name='{huge}")
    assert "x" * 201 not in str(error.value) and "check the quotes" in str(error.value)


def test_a_missing_value_is_reported_as_nothing(tmp_path: Path) -> None:
    for problems in (
        _problems("custom", "trainer.max_epochs="),
        _problems(_file(tmp_path, "trainer:\n  max_epochs:\n")),
    ):
        assert problems == ["trainer.max_epochs must be a whole number, got nothing"]
    (problem,) = _problems(_file(tmp_path, "data:\n  eval:\n"))
    assert problem.startswith("data.eval must be a string") and problem.endswith("got nothing")
    (problem,) = _problems("custom", "trainer.max_epochs=null")
    assert problem == "trainer.max_epochs must be a whole number, got None"


@pytest.mark.parametrize("text", ["0x_", "0b_", "0o__", "0x"])
def test_digits_make_a_number(text: str, tmp_path: Path) -> None:
    assert _load(f"sessions.item_column={text}").sessions.item_column == text
    written = _file(tmp_path, f"sessions: {{item_column: {text}}}\ndata: {{train: a}}\n")
    assert load_config(written, data=None).sessions.item_column == text
    (problem,) = _problems("custom", f"trainer.max_epochs={text}")
    assert problem == f"trainer.max_epochs must be a whole number, got '{text}'"


@pytest.mark.parametrize(
    ("text", "value"), [("0x_1F", 31), ("-0b1_1", -3), ("0o_17_", 15), ("1__0", 10)]
)
def test_underscores_may_separate_digits(text: str, value: int) -> None:
    assert unwrap(parse_yaml(text)) == value
