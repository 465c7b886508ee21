"""Monitoring of a real model: its own answers, logged, and a worse version on trial."""

from __future__ import annotations

import dataclasses
import itertools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modules.evaluation.metrics import recall_at_k, reciprocal_rank_at_k
from modules.evaluation.ranks import UNRANKED
from pipeline.config import load_config
from pipeline.monitor.page import render
from pipeline.monitor.records import write_report
from pipeline.monitor.report import make_report
from pipeline.monitor.training_data import Models
from serving.logged_requests import LoggedRequest, log_files
from serving.pushed_models import load_model, recommend
from tests.integration.browser import Browser
from tests.integration.page_checks import check_page
from tests.request_logs import request, write_clicks, write_log
from tests.served_models import finish_run

STABLE, CANARY = 1441990000, 1441990001
CLICK_SECONDS = 20.0


@dataclasses.dataclass(frozen=True)
class Shop:
    """Requests that a real model answered, and the clicks of its shoppers."""

    out: Path
    rows: list[LoggedRequest]
    clicks: list[tuple[str, str, float]]


@pytest.fixture(scope="module")
def shop(trained, sample, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    out = tmp_path_factory.mktemp("out")
    finish_run(out, sample.sessions["train"], STABLE)
    for version in (STABLE, CANARY):
        place = out / "pushed" / str(version)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(trained.folder / "model", place)
    rng, clicks, asked = random.Random(1), [], []
    for number, items in enumerate([*sample.sessions["test"], *sample.sessions["eval"]]):
        at = rng.random() * 4 * 3600
        for place, item in enumerate(items):
            clicks.append((f"s{number}", item, at + place * CLICK_SECONDS))
            asked.append((f"s{number}", at + place * CLICK_SECONDS + 0.05, items[: place + 1]))
    answers = recommend(load_model(out / "pushed" / str(STABLE)), [row[2] for row in asked], 20)
    rows = [
        request(
            session,
            at,
            items=tuple(items),
            version=CANARY if _is_on_trial(session) else STABLE,
            label="canary" if _is_on_trial(session) else "stable",
            answers=tuple(found.item_id for found in answer),
            milliseconds=rng.lognormvariate(1, 0.3),
        )
        for (session, at, items), answer in zip(asked, answers, strict=True)
    ]
    return Shop(out, rows, clicks)


def _is_on_trial(session: str) -> bool:
    return int(session[1:]) % 2 == 1


def _worse(row: LoggedRequest) -> LoggedRequest:
    """Returns what a version would answer that has lost half of what it should recommend."""
    if row.label != "canary":
        return row
    lost = tuple(f"other-{place}" for place in range(10))
    return row._replace(answers=(*lost, *row.answers[10:]), milliseconds=2 * row.milliseconds)


def _report(shop: Shop, folder: Path, rows: list[LoggedRequest]) -> dict[str, Any]:
    files = log_files(write_log(folder / "log", rows))
    clicks = str(write_clicks(folder / "clicks.tsv", shop.clicks))
    config = load_config("sample", ["monitor.max_oov_share=0.9"], data=None)
    report = make_report(files, clicks, Models(shop.out, None), config)
    assert report
    return report


def test_online_metrics_are_those_of_the_logged_answers(shop: Shop, tmp_path: Path) -> None:
    report = _report(shop, tmp_path, shop.rows)
    (stable,) = (group for group in report["groups"] if group["label"] == "stable")
    by_session: dict[str, list[LoggedRequest]] = {}
    for row in shop.rows:
        if row.label == "stable":
            by_session.setdefault(row.session_id, []).append(row)
    ranks = [
        before.answers.index(after.items[-1]) + 1 if after.items[-1] in before.answers else UNRANKED
        for rows in by_session.values()
        for before, after in itertools.pairwise(rows)
    ]
    assert stable["metrics"]["recall@20"]["n"] == len(ranks) > 50
    recall, gain = recall_at_k(ranks, 20).mean(), reciprocal_rank_at_k(ranks, 20).mean()
    assert stable["metrics"]["recall@20"]["value"] == pytest.approx(recall)
    assert stable["metrics"]["mrr@20"]["value"] == pytest.approx(gain)
    assert report["clicks"]["clock_seconds"] == pytest.approx(-0.05)


def test_an_equal_version_on_trial_is_not_shown_to_differ(shop: Shop, tmp_path: Path) -> None:
    report = _report(shop, tmp_path, shop.rows)
    assert report["canary"]["verdict"] == "no difference shown"
    assert not report["exceeded"]
    version = report["versions"][str(STABLE)]
    assert version["missing"] == [] and 0 <= version["oov_share"] < 0.9
    for distance in version["distances"].values():  # the same shop as in training
        assert distance["divergence"] < 2 * distance["expected_divergence"] + 0.05


def test_a_worse_version_on_trial_is_shown_to_be_worse(shop: Shop, tmp_path: Path) -> None:
    report = _report(shop, tmp_path, [_worse(row) for row in shop.rows])
    verdicts = {name: each["verdict"] for name, each in report["canary"]["metrics"].items()}
    assert report["canary"]["verdict"] == verdicts["mrr@20"] == verdicts["slow"] == "worse"
    (failed,) = (check for check in report["checks"] if not check["passed"])
    assert (failed["name"], failed["version"]) == ("canary_worse", str(CANARY))


@pytest.fixture(scope="module")
def page(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    report = _report(shop, folder, [_worse(row) for row in shop.rows])
    return write_report(report, render(report, "shop"), folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_can_be_read_in_a_browser(page: Path, browser: Browser, scheme: str, width: int) -> None:
    check_page(browser, page, scheme, width)
    bottom = "document.querySelector('#verdict h2').getBoundingClientRect().bottom"
    assert browser.run(bottom) < 500
