"""The history as plain text."""

from pipeline.history.rows import read_history
from pipeline.history.text_table import format_rows, reason_in_short
from tests import made_up_runs as runs


def test_a_line_per_run_with_model_baseline_and_last_blessed_model(tmp_path):
    runs.finish(tmp_path, 0)
    runs.finish(tmp_path, 1, blessed=False)
    runs.fail(tmp_path, 2, cause="DataGateError: stopped:\n  split train: too few")
    header, *lines, note = format_rows(read_history(tmp_path).rows).splitlines()
    assert header.split() == (
        "Day run verdict recall@20 stan last blessed mrr@20 stan last blessed pushed served "
        "seconds why".split()
    )
    first = "2015-09-11 1 blessed 0.4500 0.4300 - 0.4500 0.4300 - 1 1 60"
    second = "2015-09-12 1 refused 0.4565 0.4365 0.4465 0.4565 0.4365 0.4465 - 1 61"
    assert " ".join(lines[0].split()) == first
    assert " ".join(lines[1].split()) == f"{second} recall fell <b>far</b> and 1 more"
    assert lines[2].endswith("Trainer: DataGateError: stopped")
    assert "honest/all" in note


def test_a_blessed_model_that_was_not_pushed_says_why(tmp_path):
    runs.finish(tmp_path, 0, pushed_model=None, not_pushed="a model of a later day serves")
    _, line, _ = format_rows(read_history(tmp_path).rows).splitlines()
    assert line.endswith("not pushed: a model of a later day serves")


def test_long_reasons_are_cut():
    assert reason_in_short(["x" * 200]) == "x" * 87 + "..."
    assert reason_in_short([]) == ""


def test_a_model_that_recommends_a_part_of_its_catalogue_says_how_much(tmp_path):
    offers = {"items": "/in_stock.txt", "catalogue": 95, "offered": 60}
    runs.finish(tmp_path, 0, offers=offers)
    runs.refresh(tmp_path, 0)
    _, run, refresh, _ = format_rows(read_history(tmp_path).rows).splitlines()
    assert run.endswith("recommends 60 of 95 items")
    assert refresh.endswith("version 1 with 60 of 100 items recommendable")
