"""The demo page in a real browser: typing and clicking items changes what is recommended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.config.options.releases import STABLE
from serving import pushed_models
from serving.server import run
from serving.server.model_store import ModelStore
from tests.integration.browser import Browser

ANSWER = "[...document.querySelectorAll('#answer .item')].map(e => e.dataset.item)"
SESSION = "[...document.querySelectorAll('#session button')].map(e => e.dataset.item)"
COUNT = 20


@pytest.fixture(scope="module")
def url(trained: Any) -> Iterator[str]:
    server = run.start(ModelStore(lambda: {STABLE: trained.folder / "model"}))
    yield f"http://localhost:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def _expected(trained: Any, session: list[str]) -> list[str]:
    model = pushed_models.load_model(trained.folder / "model")
    return [item.item_id for item in pushed_models.recommend(model, [session], COUNT)[0]]


def _is(browser: Browser, expression: str, values: list[str]) -> None:
    browser.wait(f"JSON.stringify({expression}) === {_script(values)}")


def _script(values: list[str]) -> str:
    return json.dumps(json.dumps(values, separators=(",", ":"), ensure_ascii=False))


def test_typed_and_clicked_items_change_the_answer(
    url: str, browser: Browser, trained: Any, sample: Any, tmp_path: Path
) -> None:
    first, second = sample.sessions["train"][0][0], sample.sessions["train"][1][0]
    browser.open(url)
    _is(browser, ANSWER, _expected(trained, []))
    assert "the most popular ones" in browser.run("document.getElementById('status').textContent")

    browser.click("#item")
    browser.type(f"{first}, {second}\n")
    _is(browser, ANSWER, _expected(trained, [first, second]))
    assert browser.run(SESSION) == [first, second]

    third = browser.run(ANSWER)[3]
    browser.click("#answer li:nth-child(4) .item")
    _is(browser, ANSWER, _expected(trained, [first, second, third]))
    assert browser.run("document.querySelectorAll('#answer .up, #answer .down').length") > 0

    popular = browser.run("document.querySelector('#suggestions button').dataset.item")
    browser.click("#suggestions button")
    _is(browser, ANSWER, _expected(trained, [first, second, third, popular]))

    browser.click("#session li:nth-child(2) button")
    _is(browser, ANSWER, _expected(trained, [first, third, popular]))

    browser.click("#clear")
    _is(browser, ANSWER, _expected(trained, []))
    browser.screenshot(tmp_path / "page.png")
    assert browser.errors == []


def test_items_of_the_session_can_be_left_out(
    url: str, browser: Browser, trained: Any, sample: Any
) -> None:
    session = sample.sessions["train"][2][:3]
    browser.open(f"{url}/?{'&'.join(f'item={item}' for item in session)}")
    _is(browser, ANSWER, _expected(trained, session))
    browser.run(
        "(() => { const rule = document.getElementById('rule'); rule.value = 'drop';"
        "rule.dispatchEvent(new Event('change')); })()"
    )
    browser.wait(f"!{ANSWER}.some(item => {SESSION}.includes(item))")
    assert len(browser.run(ANSWER)) == COUNT


def test_an_unknown_item_is_marked_and_markup_is_only_text(url: str, browser: Browser) -> None:
    browser.open(url)
    browser.click("#item")
    browser.type("<img src=x onerror=alert(1)>\n")
    browser.wait("document.querySelectorAll('#session .unknown').length === 1")
    assert browser.run("document.querySelectorAll('#session img').length") == 0
    assert browser.errors == []


def test_typing_finds_items(url: str, browser: Browser, trained: Any) -> None:
    item = pushed_models.known_items(trained.folder / "model")[-1]
    browser.open(url)
    browser.click("#item")
    browser.type(item)
    found = "[...document.querySelectorAll('#suggestions button')].map(e => e.dataset.item)"
    browser.wait(f"{found}.includes('{item}') && {found}.every(i => i.includes('{item}'))")
