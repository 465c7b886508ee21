from __future__ import annotations

import re
from pathlib import Path

import pytest

from modules.config.options.data import DataOptions
from modules.config.overrides import split_overrides
from pipeline.config import (
    LOCAL_BEAM,
    PRESETS,
    Config,
    ConfigError,
    choose_preset,
    load_config,
    write_config,
)
from pipeline.data_files import DataPaths
from pipeline.paths import PROJECT, Paths
from tests.config_files import config_file, config_problems


def test_a_preset_keeps_the_defaults_of_what_it_does_not_name(folder: Path) -> None:
    config = load_config("custom")
    assert config == Config(name="custom", data=config.data)
    assert config.data.train == str(folder / "train.tsv")
    assert config.data.eval is None
    assert config.beam_pipeline_args == LOCAL_BEAM


@pytest.mark.parametrize(
    ("override", "section", "field", "value"),
    [
        ("trainer.max_epochs=3", "trainer", "max_epochs", 3),
        ("trainer.max_epochs=3.0", "trainer", "max_epochs", 3),
        ("trainer.learning_rate=1e-3", "trainer", "learning_rate", 0.001),
        ("trainer.learning_rate=1", "trainer", "learning_rate", 1.0),
        ("trainer.early_stopping_patience=null", "trainer", "early_stopping_patience", None),
        ("trainer.early_stopping_patience=", "trainer", "early_stopping_patience", None),
        ("model.normalize=false", "model", "normalize", False),
        ("sessions.session_column=Session=Id", "sessions", "session_column", "Session=Id"),
        ('sessions.delimiter="\\t"', "sessions", "delimiter", "\t"),
        (
            "evaluation.context_length_buckets=[1, 4]",
            "evaluation",
            "context_length_buckets",
            (1, 4),
        ),
        ("gate.thresholds={}", "gate", "thresholds", {}),
        (
            "gate.thresholds.known/all/recall@20=0.4",
            "gate",
            "thresholds",
            {"known/all/recall@20": 0.4},
        ),
    ],
)
def test_an_override_sets_any_field(
    folder: Path, override: str, section: str, field: str, value: object
) -> None:
    found = getattr(getattr(load_config("custom", [override]), section), field)
    assert found == value
    assert type(found) is type(value)


def test_an_override_of_one_threshold_keeps_the_others(folder: Path) -> None:
    file = config_file(
        folder,
        "data: {train: train.tsv, test: test.tsv}\ngate:\n  thresholds: {honest/all/mrr@20: 0.1}\n",
    )
    gate = load_config(
        file,
        [
            "gate.thresholds.known/all/recall@20=0.4",
            "gate.change_thresholds.honest/all/mrr@20=-0.5",
        ],
    ).gate
    assert gate.thresholds == {"honest/all/mrr@20": 0.1, "known/all/recall@20": 0.4}
    assert gate.change_thresholds == {
        "honest/all/recall@20": -0.01,
        "honest/all/mrr@20": -0.5,
    }


def test_overrides_of_top_level_values(folder: Path) -> None:
    config = load_config(
        "custom", ["name=clicks", "user_code=module_path", "beam_pipeline_args=[--x=1, --y]"]
    )
    assert (config.name, config.user_code) == ("clicks", "module_path")
    assert config.beam_pipeline_args == ("--x=1", "--y")


def test_later_overrides_win(folder: Path) -> None:
    assert load_config("custom", ["trainer.seed=1", "trainer.seed=2"]).trainer.seed == 2


def test_overrides_are_split_as_a_shell_does() -> None:
    assert split_overrides("""a.b=1 c.d="two words" e.f='["x, y"]'""") == [
        "a.b=1",
        "c.d=two words",
        'e.f=["x, y"]',
    ]
    assert split_overrides("a.b={view: 1, cart: [3, 4]} c.d=[x, y] e.f=[x g.h={a: 1} i.j=[]") == [
        *("a.b={view: 1, cart: [3, 4]}", "c.d=[x, y]", "e.f=[x", "g.h={a: 1}", "i.j=[]"),
    ]
    with pytest.raises(ValueError, match="check the quotes"):
        split_overrides("a.b='1")


def test_all_problems_are_reported_at_once(folder: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(
            "custom",
            [
                "trainer.epoch=3",
                "trainer.seed=-1",
                "model.normalize=3",
                "sessions.min_session_length=0",
                "checks.max_item_drift=2",
                "features.max_catalogue=many",
                "training.max_epochs=3",
                "user_code=wheel",
                "epochs",
            ],
            DataPaths(test="nowhere.tsv"),
        )
    lines = str(error.value).splitlines()
    assert lines[0] == "Config custom.yaml is not usable:"
    expected = [
        "override 'epochs' must read section.key=value",
        "training.max_epochs is not a known key, got 3: did you mean trainer.max_epochs?",
        "sessions.min_session_length must be an integer of at least 1, got 0",
        "checks.max_item_drift must be between 0 and 1, got 2.0",
        "features.max_catalogue must be a whole number or null, got 'many'",
        "model.normalize must be true or false, got 3",
        "trainer.epoch is not a known key, got 3: did you mean trainer.max_epochs? Its former name "
        "is trainer.epochs",
        "trainer.seed must be between 0 and 2147483647, got -1",
        f"data.test: no file matches {folder}/nowhere.tsv: give TEST=path",
        "user_code must be one of module_file, module_path, got 'wheel'",
    ]
    assert lines[1:] == [f"  {line}" for line in expected]


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("trainr.max_epoch=3", "did you mean trainer.max_epochs?"),
        ("model.member=3", "did you mean model.ensemble_size? Its former name is model.members"),
        ("epochs=3", "did you mean trainer.max_epochs? Its former name is trainer.epochs"),
        ("trainr=3", "did you mean trainer?"),
        ("gat.zzz=3", "sections are gate, baselines, beam, checks, data"),
        ("zzz.zzz=3", "sections are baselines, beam, checks, data"),
        ("serving.zzz=3", "known are serving."),
    ],
)
def test_an_unknown_key_gets_a_hint(folder: Path, override: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config("custom", [override])
    (problem,) = error.value.problems
    assert f"is not a known key, got 3: {hint}" in problem
    assert len(problem) < 300


def test_a_problem_is_listed_once(folder: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config("custom", ["gate.beat_baselines=[x,x]", "a b", "a b"])
    assert [problem.partition(" ")[0] for problem in error.value.problems] == [
        *("override", "gate.beat_baselines:")
    ]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("trainer.max_epochs=true", "trainer.max_epochs must be a whole number, got True"),
        ("trainer.max_epochs=2.5", "trainer.max_epochs must be a whole number, got 2.5"),
        ("trainer.max_epochs=.inf", "trainer.max_epochs must be a whole number, got inf"),
        ("trainer.learning_rate=.nan", "trainer.learning_rate must be a finite number, got nan"),
        ("trainer.loss=7", "trainer.loss must be one of sampled, in_batch, full, got '7'"),
        (
            "trainer.loss=softmax",
            "trainer.loss must be one of sampled, in_batch, full, got 'softmax'",
        ),
        (
            "evaluation.context_length_buckets=5",
            "evaluation.context_length_buckets must be a list, got 5",
        ),
        (
            "evaluation.context_length_buckets=[1, x]",
            "evaluation.context_length_buckets must be a list, each a whole number, got [1, 'x']",
        ),
        (
            "gate.thresholds.known/all/recall@20=high",
            "gate.thresholds must be a mapping, each a number, got {'known/all/recall@20': 'high'}",
        ),
        (
            "trainer.max_epochs.x=1",
            "override 'trainer.max_epochs.x=1': trainer.max_epochs has no keys below it",
        ),
        ("trainer=1", "override 'trainer=1' must read section.key=value"),
        ("=1", "override '=1' must read section.key=value"),
        (
            "name=a/b",
            "name must have letters, digits and hyphens only (at most 63, no hyphen first)",
        ),
    ],
)
def test_a_problem_names_key_value_and_way_out(folder: Path, override: str, problem: str) -> None:
    (found,) = config_problems(override)
    assert found.startswith(problem)


def test_a_value_that_is_not_valid_yaml(folder: Path) -> None:
    (found,) = config_problems("trainer.max_epochs=[1")
    assert found.startswith("trainer.max_epochs: the value '[1' is not valid YAML: line 1")


@pytest.mark.parametrize(
    ("metric", "way_out"),
    [
        ("known/all/recal@20", "did you mean known/all/recall@20?"),
        ("know/last/mrr@5", "did you mean known/last/mrr@5?"),
        ("quality", "a metric is named like known/all/recall@20"),
    ],
)
@pytest.mark.parametrize(("field", "value"), [("thresholds", 0.1), ("change_thresholds", -0.1)])
def test_a_threshold_of_an_unknown_metric(
    folder: Path, field: str, value: float, metric: str, way_out: str
) -> None:
    (found,) = config_problems(f"gate.{field}.{metric}={value}")
    assert found == f"gate.{field}.{metric} is not a known metric, got {value}: {way_out}"


def test_the_gate_compares_with_baselines_that_are_evaluated(folder: Path) -> None:
    (found,) = config_problems("gate.beat_baselines=[popularity, oracle]")
    assert found.startswith("gate.beat_baselines: oracle is not among the baselines")
    assert found.endswith("add it to baselines.names")


def test_the_gate_knows_metrics_of_slices(folder: Path) -> None:
    name = "honest/all/recall@20/item_age=new"
    gate = load_config("custom", [f"gate.change_thresholds={{{name}: -0.1}}"]).gate
    assert gate.change_thresholds == {name: -0.1}
    (found,) = config_problems("gate.change_thresholds={honest/all/mrr@20/context_length=7: -0.1}")
    assert "context_length=7 is not a known metric" in found
    (found,) = config_problems("gate.beat_metrics=[honest/all/recall@2]")
    assert found.startswith("gate.beat_metrics must be known metrics, got honest/all/recall@2: did")


def test_files_with_mistakes_in_their_form(folder: Path) -> None:
    assert config_problems(preset=config_file(folder, "trainer: [1")) == [
        "not readable as YAML: line 1, column 12: expected ',' or ']', but got '<stream end>'"
    ]
    assert config_problems(preset=config_file(folder, "- 1")) == [
        "must contain a mapping of sections, got [1]"
    ]
    assert config_problems(preset=config_file(folder, "trainer: {seed: 1, seed: 2}")) == [
        "not readable as YAML: line 1, column 20: the key 'seed' is given twice"
    ]
    data = "data: {train: train.tsv, test: test.tsv}\n"
    assert config_problems(preset=config_file(folder, data + "trainer: 5")) == [
        "trainer must be a mapping of keys to values, got 5"
    ]
    config = load_config(config_file(folder, data + "trainer:\n"))
    assert config.trainer == load_config("custom").trainer


def test_an_unknown_preset_lists_the_known_ones(folder: Path) -> None:
    (found,) = config_problems(preset="retailroket")
    names = (
        "custom, daily, diginetica, notebook, otto, retailrocket, retailrocket-events, "
        "retailrocket-full, sample, search, yoochoose, yoochoose-64, yoochoose-clicks"
    )
    assert f"presets are {names}" in found


def test_a_file_of_ones_own_names_the_pipeline(folder: Path) -> None:
    file = folder / "my_shop 2.yaml"
    file.write_text("data: {train: train.tsv, test: test.tsv}")
    assert load_config(str(file)).name == "my-shop-2"
    assert load_config("my_shop 2.yaml").data.train == str(folder / "train.tsv")


def test_files_of_another_machine_are_not_looked_up(folder: Path) -> None:
    written = config_file(folder, "data: {train: 'gs://b/{SPAN}/t.tsv', test: none.tsv, folder: x}")
    assert load_config(written, data=None).data == DataOptions(
        train="gs://b/{SPAN}/t.tsv", test="none.tsv", folder="x"
    )
    with pytest.raises(ConfigError, match=r"data\.train is not set"):
        load_config(config_file(folder, "data: {test: t.tsv}"), data=None)


def test_splits_that_are_not_set(folder: Path) -> None:
    assert config_problems(preset=config_file(folder, "trainer: {seed: 1}")) == [
        "data.train is not set: give TRAIN=path (a file or a pattern)",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_yaml_file_of_any_editor_is_read(folder: Path, end: str) -> None:
    text = f"name: shop{end}trainer:{end}  max_epochs: 3{end}"
    (folder / "own.yaml").write_bytes(text.encode("utf-8-sig"))
    config = load_config("own.yaml", data=DataPaths(train="train.tsv", test="test.tsv"))
    assert (config.name, config.trainer.max_epochs) == ("shop", 3)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_a_yaml_file_in_another_encoding_says_how_to_fix_it(folder: Path, encoding: str) -> None:
    (folder / "own.yaml").write_bytes("name: größe\n".encode(encoding))
    with pytest.raises(ConfigError, match=r"not readable as YAML: .*UTF-.*: write it as UTF-8"):
        load_config("own.yaml")


def test_own_data_has_a_preset_of_its_own() -> None:
    assert choose_preset(None, DataPaths()) == "sample"
    assert choose_preset(None, DataPaths(train="a.tsv")) == "custom"
    assert choose_preset("notebook", DataPaths(train="a.tsv")) == "notebook"


@pytest.mark.parametrize("preset", sorted(file.stem for file in PRESETS.glob("*.yaml")))
def test_a_written_config_reads_back_the_same(
    folder: Path, tmp_path_factory, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = DataPaths(train="train.tsv", test="test.tsv")
    overrides = [
        "gate.thresholds.known/all/recall@20=0.25",
        'sessions.delimiter="\\t"',
        "sessions.session_column=Sitzung ä",
        "sessions.columns=null",  # one of a preset has no such column
        "trainer.learning_rate=1e-7",
        "features.max_catalogue=1000",
        "beam_pipeline_args=[]",
    ]
    config = load_config(preset, overrides, paths)
    written = tmp_path_factory.mktemp("out") / "config.yaml"
    write_config(config, written)
    monkeypatch.chdir("/")
    assert load_config(str(written)) == config


def test_a_split_that_is_learned_is_not_evaluated(folder: Path) -> None:
    assert load_config("custom", ["evaluation.split=eval", "trainer.refit=false"])
    assert config_problems("evaluation.split=eval") == [
        "evaluation.split is eval, on which trainer.refit would train the model and the baselines: "
        "set trainer.refit to false, or evaluate split test"
    ]


def test_paths_are_absolute_and_below_the_output_folder(folder: Path) -> None:
    paths = Paths.under("out")
    below = (paths.pipeline_root, paths.metadata, paths.push_folder, paths.checkpoint_folder)
    assert all(Path(path).is_relative_to(folder / "out") for path in below)
    assert len(set(below)) == 4
    assert Path(paths.modules) == PROJECT / "modules"
    assert Path(paths.schema) == PROJECT / "pipeline" / "schema"


def test_the_documented_overrides_work(folder: Path) -> None:
    text = (PROJECT / "docs" / "configuration.md").read_text("utf-8")
    examples = re.findall(r"""^(?:make run .*)?SET=("|')(.*)\1(?: *#.*)?$""", text, re.MULTILINE)
    (folder / "my shop.tsv").write_text("")
    assert len(examples) == 6
    configs = [load_config("custom", split_overrides(example)) for _, example in examples]
    assert [config.sessions.delimiter for config in configs[-2:]] == [";", "\t"]
    assert configs[-1].sessions.item_column == "1"


def test_what_is_searched_must_be_options_with_usable_choices(folder: Path) -> None:
    space = "{model.gru_unit: [8], trainer.learning_rate: [0.01, 99], model.copy_lags: ['x']}"
    found = config_problems("tuner.num_trials=0", f"tuner.space={space}", "tuner.search=grid")
    assert [problem.split()[0] for problem in found] == [
        "tuner.search",
        "tuner.num_trials",
        "tuner.space.model.gru_unit",
        "tuner.space.trainer.learning_rate:",
        "tuner.space.model.copy_lags:",
    ]


def test_a_preset_is_found_at_home(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("data: {train: t.tsv}\n")
    assert load_config("~/mine.yaml", data=None).name == "mine"


@pytest.mark.parametrize("name", ["trainer.problems", "trainer.needs_model_selection", "x.seed"])
def test_what_is_no_option_cannot_be_searched(name: str) -> None:
    with pytest.raises(ConfigError, match=f"tuner.space.{name} is not an option of model or"):
        load_config("sample", [f"tuner.space={{{name}: [1]}}"])


def test_sessions_are_cut_from_visitors_by_date_alone(folder: Path) -> None:
    visitors = "sessions.visitor_column=visitor"
    (folder / "clicks-1.tsv").write_text("")
    assert load_config("custom", [visitors], DataPaths(train="train.tsv"))
    daily = ["data.train=null", "data.test=null", "data.daily=clicks-{SPAN}.tsv"]
    (problem,) = config_problems(visitors, *daily)
    assert problem.startswith("sessions.visitor_column needs a data.daily of dates, {YYYY}, {MM}")
    daily[-1] = "data.daily=clicks-{YYYY}-{MM}-{DD}.tsv"
    (folder / "clicks-2015-09-04.tsv").write_text("")
    (folder / "clicks-2015-09-05.tsv").write_text("")
    assert load_config("custom", [visitors, *daily], DataPaths(folder=str(folder)))
