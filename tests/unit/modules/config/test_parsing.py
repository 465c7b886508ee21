"""Whatever a value is like, a configuration is built or refused as for any other bad value."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.config import Config, ConfigError, load_config

VALUES = (
    *("{[1]: 2}", "{{a: b}: c}", "{}", "{a: 1}", "[[1]]", "[null]", "{a: null}", "{<<: {a: 1}}"),
    *("!!int ''", "!!bool maybe", "!!timestamp x", "!!float z", "!!binary '%'", "!!set {a}"),
    *("!!python/object:os.system x", "!mine 1", "&a [*a]", "&x 1", "*nope", "<<: 1"),
    *("[" * 500 + "]" * 500, "{a: " * 300 + "1" + "}" * 300, "[" * 30),
    *("9" * 400, "-" + "9" * 400, "9" * 5000, "1e400", "-1e400", ".nan", ".inf", "1e-400"),
    *("~nosuchuser/x", "~", "null", "true", "", "  ", "'", '"', '"\\0"', '"a\\0b"', "a: b: c"),
    *("[1,1,1]", "[]", "[3,2,1]", "[-1]", "[1.5]", "[a]", "[9999999999999999999999]"),
    *("%", "@", "`", "?", "? a", "|", ">", "---", "...", "--- a\n--- b", "- -", "=", "{", "["),
    *("0x", "0o9", "1_", "2024-01-01", "12:30:45", "\u0085", "\ufeff", "\u2028x", "x" * 10_000),
    *("gs://", "s3://b/x", "{SPAN", "**", "[!", "/", "/dev/null", "..", "a\nb", "\\", "%s", "{0}"),
)
# One option of each declared type.
OPTIONS = (
    *(
        "trainer.max_epochs",
        "trainer.learning_rate",
        "trainer.refit",
        "trainer.early_stopping_patience",
    ),
    *("sessions.delimiter", "sessions.item_column", "gate.item_age_buckets", "gate.thresholds"),
    *(
        "gate.beat_metrics",
        "tuner.space",
        "data.train",
        "data.folder",
        "name",
        "beam_pipeline_args",
    ),
    *("evaluation.context_length_buckets", "gate", "nonsense.key"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("train.tsv", "test.tsv"):
        (tmp_path / name).write_text("SessionId\tItemId\tTime\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _load(preset: str, *overrides: str) -> Config | ConfigError:
    began = time.process_time()
    try:
        return load_config(preset, overrides)
    except ConfigError as error:
        return error
    finally:
        assert time.process_time() - began < 10


@pytest.mark.parametrize("option", OPTIONS)
def test_any_value_of_an_override_is_taken_or_refused(folder: Path, option: str) -> None:
    for value in VALUES[OPTIONS.index(option) % 5 :: 5]:
        assert isinstance(_load("custom", f"{option}={value}"), Config | ConfigError)


@pytest.mark.parametrize("option", OPTIONS)
def test_any_value_in_a_file_is_taken_or_refused(folder: Path, option: str) -> None:
    section, _, key = option.partition(".")
    for value in VALUES[OPTIONS.index(option) % 5 :: 5]:
        for text in (f"{section}: {{{key or section}: {value}}}\n", f"? {value}\n: {section}\n"):
            (folder / "mine.yaml").write_text(text, "utf-8")
            assert isinstance(_load("mine.yaml"), Config | ConfigError)


def test_aliases_of_aliases_end_at_once(folder: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (folder / "mine.yaml").write_text("\n".join([*lines, "gate: {item_age_buckets: *a11}"]))

    refused = _load("mine.yaml")

    assert "not valid YAML: line 1" in str(refused) or "aliases repeat more" in str(refused)


def test_a_harmless_alias_is_read(folder: Path) -> None:
    text = "evaluation: {context_length_buckets: &bounds [1, 4]}\ngate: {item_age_buckets: *bounds}"
    (folder / "mine.yaml").write_text(text)
    config = _load("mine.yaml", "data.train=train.tsv", "data.test=test.tsv")
    assert isinstance(config, Config)
    assert config.gate.item_age_buckets == config.evaluation.context_length_buckets == (1, 4)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("trainer.max_epochs=!!int ''", "tags are not supported, got tag:yaml.org,2002:int"),
        (
            "trainer.max_epochs=" + "[" * 500 + "]" * 500,
            "values are nested more than 20 levels deep",
        ),
        ("trainer.learning_rate=" + "9" * 400, "trainer.learning_rate must be a finite number"),
        ("gate.thresholds={[1]: 2}", "a key must be text"),
        ("trainer.max_epochs=&a [*a]", "holds itself"),
        ("gate.item_age_buckets=[1,1,1]", "gate.item_age_buckets must rise from 0 or more"),
        ("evaluation.target_count_buckets=[5,2]", "target_count_buckets must rise from 0 or more"),
        ("data.train=~nosuchuser/x.tsv", "~nosuchuser/x.tsv"),
    ],
)
def test_says_what_is_wrong(folder: Path, value: str, message: str) -> None:
    assert message in str(_load("custom", value))


def test_one_bad_list_hides_no_other_problem(folder: Path) -> None:
    refused = str(
        _load(
            "custom",
            "gate.item_age_buckets=[1,1,1]",
            "trainer.max_epochs=0",
            "gate.beat_metrics=[nonsense]",
            "gate.beat_baselines=[nonsense]",
        )
    )
    for problem in (
        "item_age_buckets must rise",
        "trainer.max_epochs",
        "beat_metrics",
        "not among",
    ):
        assert problem in refused


def test_a_file_that_is_too_large_is_refused(folder: Path) -> None:
    (folder / "mine.yaml").write_text("#" * 1_000_001)
    assert "1,000,001 characters are too many" in str(_load("mine.yaml"))
