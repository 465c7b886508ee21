"""Files of the splits come from the preset, the command line, or the end of train."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.config.options.data import DataOptions
from pipeline.config import (
    load_config,
    write_config,
)
from pipeline.data_files import DataPaths, describe_cut
from pipeline.paths import PROJECT
from tests import file_uris
from tests.config_files import config_file, config_problems


def test_data_folder_has_the_presets_file_names(folder: Path, tmp_path_factory) -> None:
    other = tmp_path_factory.mktemp("data")
    names = ("retailrocket_processed_view_train_valid.tsv", "retailrocket_processed_view_test.tsv")
    for name in names:
        (other / name).write_text("")
    data = load_config("retailrocket", data=DataPaths(folder=str(other))).data
    assert (data.train, data.test) == tuple(str(other / name) for name in names)


def test_paths_replace_files_one_by_one_and_are_relative_to_the_working_directory(
    folder: Path,
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "test.tsv").write_text("")
    data = load_config("custom", data=DataPaths(folder="sub", train="other.tsv")).data
    assert data.train == str(folder / "other.tsv")
    assert data.test == str(folder / "sub" / "test.tsv")


def test_patterns_and_spans(folder: Path) -> None:
    (folder / "day-17").mkdir()
    (folder / "day-17" / "part-0.tsv").write_text("")
    paths = DataPaths(train="day-{SPAN}/part-*.tsv", eval="**/part-0.tsv", test="t*t.tsv")
    data = load_config("custom", data=paths).data
    assert data.train == str(folder / "day-{SPAN}" / "part-*.tsv")
    assert data.eval == str(folder / "**" / "part-0.tsv")
    assert data.test == str(folder / "t*t.tsv")
    (problem,) = config_problems(data=DataPaths(train="hour-{SPAN:2}/part-*.tsv"))
    assert problem.startswith(f"data.train: no file matches {folder}/hour-{{SPAN:2}}/part-*.tsv")


def test_files_at_uris_are_looked_up(folder: Path) -> None:
    bucket = file_uris.uri(folder / "bucket")
    for name in ("a/train.tsv", "test.tsv", "other/t.tsv"):
        file_uris.write(f"{bucket}/{name}", b"x")
    paths = DataPaths(folder=bucket, train=f"{bucket}/**/train.tsv", test="sub/../test.tsv")
    data = load_config("custom", data=paths).data
    assert (data.train, data.test) == (f"{bucket}/**/train.tsv", str(folder / "test.tsv"))
    assert load_config("custom", data=DataPaths(f"{bucket}/", str(folder / "test.tsv"))).data == (
        DataOptions(str(folder / "test.tsv"), None, f"{bucket}/test.tsv", f"{bucket}/")
    )
    data = DataPaths(train=f"{bucket}/none.tsv", eval="s3://b/eval.tsv", test=f"{bucket}/other")
    assert config_problems(data=data) == [
        f"data.train: no file matches {bucket}/none.tsv: give TRAIN=path",
        "data.eval: s3://b/eval.tsv: s3:// cannot be opened here, but file://, gs:// and local "
        "paths can: copy the files, or mount their storage as a folder: give EVAL=path",
        f"data.test: no file matches {bucket}/other, only the folder {bucket}/other: "
        "give TEST=path",
    ]


def test_a_folder_in_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "sub").mkdir()
    (problem,) = config_problems(data=DataPaths(test="sub"))
    place = folder / "sub"
    assert problem == f"data.test: no file matches {place}, only the folder {place}: give TEST=path"


def test_one_file_is_enough(folder: Path) -> None:
    (folder / "test.tsv").unlink()
    data = load_config("custom", data=DataPaths(train="other.tsv")).data
    assert (data.train, data.eval, data.test) == (str(folder / "other.tsv"), None, None)
    assert (data.test_days, data.test_fraction) == (None, 0.15)
    own = load_config(config_file(folder, "data: {train: train.tsv}")).data
    assert own.test_fraction == 0.15
    assert describe_cut(own) == (
        f"Split test: the last 15 % of the sessions of {folder}/train.tsv, by start time "
        "(data.test_fraction; or set data.test_days, or TEST=path)."
    )


def test_a_file_that_happens_to_have_a_presets_name_is_not_test(folder: Path) -> None:
    for preset in ("custom", "sample"):
        data = load_config(preset, data=DataPaths(train="other.tsv")).data
        assert (data.test, data.test_fraction) == (None, 0.15)
    mine = config_file(folder, "data: {train: train.tsv, test: test.tsv}")
    data = load_config(mine, data=DataPaths(train="other.tsv")).data
    assert (data.test, data.test_fraction) == (str(folder / "test.tsv"), None)
    assert describe_cut(data) == ""


def test_how_much_becomes_test_can_be_said(folder: Path) -> None:
    paths = DataPaths(train="other.tsv")
    days = load_config("custom", ["data.test_days=2.5"], paths).data
    assert (days.test_days, days.test_fraction) == (2.5, None)
    assert "that start in the last 2.5 days (data.test_days)" in describe_cut(days)
    assert load_config("custom", ["data.test_fraction=0.3"], paths).data.test_fraction == 0.3
    assert config_problems("data.test_fraction=1", "data.test_days=-1", data=paths) == [
        "data.test_days must be above 0 and at most 40000, got -1.0",
        "data.test_fraction must be above 0 and below 1, got 1.0",
        "data.test_days (-1.0) and test_fraction (1.0) are both set: remove one of them",
    ]


def test_a_file_and_a_cut_are_not_both_taken(folder: Path) -> None:
    both = DataPaths(train="train.tsv", test="test.tsv")
    assert config_problems("data.test_days=2", data=both) == [
        f"data.test_days is 2, which cuts split test from train, but data.test is "
        f"{folder}/test.tsv: remove one of them (SET=data.test_days=null; or SET=data.test=null, "
        "and no TEST=)"
    ]
    assert load_config("custom", ["data.test=null", "data.test_days=2"]).data.test is None
    (problem,) = config_problems(data=DataPaths(train="train.tsv", eval="other.tsv"))
    assert problem.startswith("data.test is not set, and cannot be cut from train since data.eval")
    assert problem.endswith("Give TEST=path too, or leave EVAL out, so that both are cut")


def test_a_missing_test_file_need_not_be_there(folder: Path) -> None:
    (folder / "test.tsv").unlink()
    given = DataPaths(folder=str(folder))
    (problem,) = config_problems(data=given)
    assert problem.endswith("TEST=path or DATA=folder, or SET=data.test=null to cut it from train")
    assert load_config("custom", ["data.test=null"], given).data.test_fraction == 0.15


@pytest.mark.parametrize("written", [[], ["data.test_fraction=0.2"], ["data.test_days=3"]])
def test_the_command_line_replaces_how_a_file_cuts_test(folder: Path, written: list[str]) -> None:
    """A run writes its cut into `config.yaml`, also where nobody chose it."""
    file = folder / "config.yaml"
    write_config(load_config("custom", written, DataPaths(train="train.tsv")), file)
    mine = str(folder / "test.tsv")

    def cut(*overrides: str, **given: str) -> tuple[str | None, float | None, float | None]:
        data = load_config(str(file), overrides, DataPaths(**given)).data
        return data.test, data.test_days, data.test_fraction

    assert cut(test="test.tsv") == cut("data.test=test.tsv") == (mine, None, None)
    assert cut(test="test.tsv", eval="other.tsv") == (mine, None, None)
    assert cut("data.test_days=7") == (None, 7, None)
    assert cut("data.test_fraction=0.3") == (None, None, 0.3)
    assert cut("data.test=null") == cut() != (None, None, None)
    (both,) = config_problems("data.test_days=7", preset=str(file), data=DataPaths(test="test.tsv"))
    assert "data.test_days is 7" in both and "SET=data.test_days=null" in both


def test_where_eval_is_evaluated_no_test_is_needed(folder: Path) -> None:
    on_eval = ["evaluation.split=eval", "trainer.refit=false"]
    (folder / "test.tsv").unlink()
    for data in (
        load_config("custom", on_eval, DataPaths(train="train.tsv")).data,
        load_config("custom", on_eval, DataPaths(folder=str(folder))).data,
        load_config("custom", on_eval, DataPaths(train="train.tsv", eval="other.tsv")).data,
    ):
        assert (data.test, data.test_days, data.test_fraction) == (None, None, None)
    (problem,) = config_problems(*on_eval, data=DataPaths(train="train.tsv", test="gone.tsv"))
    assert "data.test: no file matches" in problem
    cut = load_config("custom", [*on_eval, "data.test_fraction=0.2"], DataPaths(train="train.tsv"))
    assert cut.data.test_fraction == 0.2


def test_a_cut_reads_back_and_goes_to_a_cluster(folder: Path, tmp_path: Path) -> None:
    config = load_config("custom", data=DataPaths(train="train.tsv"))
    write_config(config, tmp_path / "config.yaml")
    assert load_config(str(tmp_path / "config.yaml")) == config
    elsewhere = load_config("custom", ["data.test=null"], None).data
    assert (elsewhere.train, elsewhere.test, elsewhere.test_fraction) == ("train.tsv", None, 0.15)
    assert load_config("custom", data=None).data.test_fraction is None


def test_the_sample_needs_no_files_yet_but_replaced_ones_do(folder: Path) -> None:
    data = load_config("sample").data
    assert data.generate
    assert data.train == str(PROJECT / "data" / "sample" / "train.tsv")
    assert not load_config("sample", data=DataPaths(folder=str(folder))).data.generate
    (problem,) = config_problems(preset="sample", data=DataPaths(test="nowhere.tsv"))
    assert "nowhere.tsv" in problem


@pytest.mark.parametrize("option", ["serving.offer_file", "sessions.forget_file"])
def test_a_list_is_one_file_that_is_there(folder: Path, option: str) -> None:
    section, _, key = option.partition(".")
    (folder / "list.txt").write_text("7\n")
    data = DataPaths(train="other.tsv", test="other.tsv")
    for given in ("list.txt", f"{folder}/list.txt"):
        config = load_config("custom", [f"{option}={given}"], data)
        assert getattr(getattr(config, section), key) == f"{folder}/list.txt"
    write_config(config, folder / "again.yaml")
    assert load_config("again.yaml", data=data) == config
    (folder / "list.txt").rename(folder / "away.txt")
    load_config("again.yaml", data=None)  # no run on this machine
    for given, problem in {
        "list.txt": f"{option}: there is no file {folder}/list.txt",
        ".": f"{option}: there is no file {folder}",
        "list-{YYYY}.txt": f"{option} must name one file, without placeholders",
        "nowhere://b/l": f"{option}: nowhere://b/l: nowhere:// cannot be opened here",
    }.items():
        (found,) = config_problems(f"{option}={given}", data=data)
        assert found.startswith(problem)


def test_an_approximate_index_follows_no_list(folder: Path) -> None:
    (folder / "in_stock.txt").write_text("7\n")
    data = DataPaths(train="other.tsv", test="other.tsv")
    options = ("serving.offer_file=in_stock.txt", "index.kind=pq")
    (found,) = config_problems(*options, data=data)
    assert found.startswith("index.kind is pq, whose index recommends the whole catalogue")


def test_files_of_items_are_looked_into_before_a_run(folder: Path) -> None:
    (folder / "items.csv").write_text("item_id,name\na,A\n")
    options = load_config("custom", ["items.file=items.csv"]).items
    assert options.file == str(folder / "items.csv")
    (problem,) = config_problems("items.file=items.csv", "items.name_column=title")
    assert problem.startswith(f"{folder}/items.csv has no column 'title', but 'item_id', 'name'")
    assert config_problems("items.file=no.csv") == [f"items.file: no file matches {folder}/no.csv"]
    (problem,) = config_problems("items.file=items.csv", "items.delimiter=ab")
    assert problem.startswith("items.delimiter must be one ASCII character")
    config = load_config("custom", ["items.file=items.csv"])
    write_config(config, folder / "again.yaml")
    assert load_config(str(folder / "again.yaml")).items == config.items


def test_item_features_are_columns_of_a_file_of_items(folder: Path) -> None:
    (folder / "items.csv").write_text("item_id,kind\na,A\n")
    options = ["items.file=items.csv", "model.item_features=[kind]"]
    assert load_config("custom", options).model.item_features == ("kind",)
    (problem,) = config_problems("items.file=items.csv", "model.item_features=[kind,brand]")
    assert problem == (
        f"{folder}/items.csv has no column 'brand', but 'item_id', 'kind'. Set model.item_features."
    )
    (problem,) = config_problems("model.item_features=[kind]")
    assert problem.startswith("model.item_features needs items.file")
    (problem,) = config_problems(*options, "trainer.warm_start=true")
    assert problem.startswith("trainer.warm_start carries no vectors of model.item_features over")
    (problem,) = config_problems("items.file=items.csv", "model.item_features=[kind,kind]")
    assert problem.startswith("model.item_features names a column twice")
