"""The page on an output folder's history; `tests/integration/test_history.py` opens it."""

import re

import pytest

from pipeline.history.page import render, write_page
from pipeline.history.rows import read_history
from tests import made_up_runs as runs


@pytest.mark.parametrize("number", [1, 3])
def test_every_run_is_in_the_table_with_a_link_to_its_report(tmp_path, number):
    for day in range(number):
        runs.finish(tmp_path, day)
    text = write_page(read_history(tmp_path).rows, tmp_path).read_text("utf-8")
    table = text[text.index("<tbody>") :]
    links = re.findall(r'<th scope="row" class="number"><a href="([^"]*)">', table)
    assert len(links) == number
    assert all((tmp_path / link).is_file() for link in links)
    assert text.count('<svg role="img"') == 4 + 1 + 5 + 2
    assert "<script" not in text and "<img" not in text
    assert f"{runs.day_of(number - 1)}: blessed" in text


def test_reasons_are_shown_and_escaped(tmp_path):
    runs.finish(tmp_path, 0, blessed=False)
    text = render(read_history(tmp_path).rows)
    assert "recall fell &lt;b&gt;far&lt;/b&gt;" in text and "<b>far" not in text
    assert "No model has been pushed." not in text  # the one of before still serves


def test_a_history_of_failed_runs_alone_says_what_is_missing(tmp_path):
    runs.fail(tmp_path, 0, cause="DataGateError: too few sessions")
    text = render([{**row, "served_version": None} for row in read_history(tmp_path).rows])
    assert "Trainer: DataGateError: too few sessions" in text
    for sentence in ("No run has evaluated a model.", "No model has been pushed."):
        assert sentence in text


def test_what_serves_now_is_shown_after_a_refresh(tmp_path):
    runs.finish(tmp_path, 0)
    runs.refresh(tmp_path, 0, base="1", version="77")
    text = render(read_history(tmp_path).rows)
    assert "<dt>served version</dt><dd>77<small>trained for 2015-09-11</small>" in text
    assert "The last finished run, of 2015-09-11." in text
