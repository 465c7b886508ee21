"""The page on the results; `tests/integration/test_monitor.py` opens it."""

from __future__ import annotations

import copy

import pytest

from pipeline.config import load_config
from pipeline.monitor.page import render
from pipeline.monitor.report import make_report
from pipeline.monitor.training_data import Models
from serving.logged_requests import log_files
from tests.request_logs import request, write_clicks, write_log
from tests.served_models import finish_run
from tests.unit.pipeline.monitor.test_measure import TRAINED, shop


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    finish_run(folder / "out", TRAINED)
    rows, clicks = shop(60, canary_hits=0.2)
    write_log(folder / "log", rows)
    given = str(write_clicks(folder / "clicks.tsv", clicks))
    config = load_config("sample", ["monitor.resamples=300"], data=None)
    return make_report(log_files(folder / "log"), given, Models(folder / "out", None), config)


def test_the_page_has_every_part_and_needs_nothing_else(report):
    text = render(report, "shop")
    for section in ("verdict", "canary", "online", "skew", "staleness", "limits"):
        assert f'<section id="{section}"' in text and f'href="#{section}"' in text
    assert "✗ 1 limit exceeded" in text and ">worse</span></h2>" in text
    # Three metrics, popularity of the version whose data are there, and two over time.
    assert text.count('<svg role="img"') == 3 + 1 + 2
    assert (
        "<script" not in text
        and "<img" not in text
        and "http" not in text.replace("http://www.w3.org", "")
    )
    assert "Not compared, version 8" in text
    # Version 8 is not there: what is seen first is of the newest version that is.
    tiles = text[text.index('<dl class="tiles">') : text.index("</dl>")]
    assert "unknown items" in tiles and "version 7" in tiles


def test_no_session_id_is_on_the_page(report, tmp_path):
    files = log_files(write_log(tmp_path, [request("visitor-4711", visitor="ab12")]))
    found = make_report(files, None, Models(None, None), load_config("sample", data=None))
    assert "visitor-4711" not in render(found, "shop") + str(found)
    assert "ab12" not in render(found, "shop") + str(found)


def test_without_clicks_or_a_canary_the_page_says_so(tmp_path):
    files = log_files(write_log(tmp_path, [request("s", 0)]))
    report = make_report(files, None, Models(None, None), load_config("sample", data=None))
    text = render(report, "shop")
    assert "No clicks were given" in text and 'id="canary"' not in text
    assert "No limit is set" in text


def test_what_comes_from_the_logs_is_escaped(report):
    found = copy.deepcopy(report)
    found["groups"][0]["label"] = "<b>bold</b>"
    found["warnings"] = ["Warning: <i>odd</i>."]
    text = render(found, "<u>shop</u>")
    assert "<b>bold" not in text and "<i>odd" not in text and "<u>shop" not in text
