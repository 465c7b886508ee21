"""The page on an output folder's history, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.history.page import PAGE_FILE
from pipeline.history.update import update_history
from tests import made_up_runs as runs
from tests.integration.browser import Browser
from tests.integration.page_checks import check_page


def _one(out: Path) -> None:
    runs.finish(out, 0)


def _failed(out: Path) -> None:
    runs.fail(out, 0)


def _many(out: Path) -> None:
    """Two months: failed, refused, missing and repeated days, a refresh, and a backfill.

    Two versions were monitored.
    """
    for number in range(60):
        if number % 17 == 5:
            runs.fail(out, number)
        if number != 30:
            runs.finish(out, number, blessed=number % 13 != 7)
        if number == 20:
            runs.refresh(out, number, base="21", version="1021")
    runs.finish(out, 30, started="2016-01-01T00:00:00Z")
    for version in ("59", "60"):
        runs.monitor(out, version, exceeded=["max_oov_share", "canary_worse"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=[_one, _failed, _many])
def out(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    request.param(folder)
    assert update_history(folder) == []
    return folder


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_can_be_read_in_a_browser(out: Path, browser: Browser, scheme: str, width: int) -> None:
    check_page(browser, out / PAGE_FILE, scheme, width)
    bottom = "document.querySelector('#newest h2').getBoundingClientRect().bottom"
    assert browser.run(bottom) < 500


def test_every_link_leads_to_what_a_run_left(out: Path, browser: Browser) -> None:
    browser.open((out / PAGE_FILE).as_uri())
    links = browser.run(
        "[...document.querySelectorAll('a')].map("
        "a => a.getAttribute('href') || a.getAttribute('xlink:href'))"
    )
    to_runs = {link for link in links if not link.startswith("#")}
    assert to_runs and all((out / link).exists() for link in to_runs)
    anchors = {link[1:] for link in links if link.startswith("#")}
    assert anchors <= set(browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)"))


def test_a_point_of_a_chart_leads_to_the_report(browser: Browser, tmp_path: Path) -> None:
    _one(tmp_path)
    update_history(tmp_path)
    browser.open((tmp_path / PAGE_FILE).as_uri())
    browser.click("#metrics svg a")
    browser.wait("location.pathname.endsWith('/runs/2015-09-11-1/report.html')")
