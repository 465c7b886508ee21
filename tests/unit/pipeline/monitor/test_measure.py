"""All that is measured, on made-up shops with a run behind them."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from modules.config.options.monitor import MonitorOptions
from modules.config.options.sessions import SessionOptions
from pipeline.monitor.clicks import read_clicks
from pipeline.monitor.estimates import NOT_SHOWN, WORSE
from pipeline.monitor.measure import (
    CLICK_THROUGH,
    MRR,
    RECALL,
    SLOW,
    last_requests,
    measure,
    utc,
)
from pipeline.monitor.training_data import Models
from tests.request_logs import HOUR, START, read, request, write_clicks
from tests.served_models import finish_run

TRAINED = [["a", "b"], ["a", "c", "b"], ["b", "c"]] * 10
NOTHING = Models(None, None)
OPTIONS = MonitorOptions(resamples=300)


def _measure(tmp_path, rows, clicks=None, source=NOTHING, options=OPTIONS):
    requests = read(tmp_path / "log", rows)
    found = None
    if clicks is not None:
        file = write_clicks(tmp_path / "clicks.tsv", clicks)
        found = read_clicks(str(file), SessionOptions(), requests)
    report = measure(requests, found, source, options)
    json.dumps(report, allow_nan=False)
    return report


def shop(sessions, canary_hits, seed=0, slow=1.0):
    """Returns requests and clicks of two groups of sessions, whose next click is recommended."""
    rng = random.Random(seed)
    rows, clicks = [], []
    for number in range(2 * sessions):
        is_canary = number % 2
        at = number * 10.0
        for _step in range(3):
            hit = rng.random() < (canary_hits if is_canary else 0.6)
            answers = [f"x{place}" for place in range(20)]
            answers[rng.randrange(20)] = "next" if hit else "other"
            label = {"version": 8, "label": "canary"} if is_canary else {}
            took = rng.lognormvariate(1, 0.3) * (slow if is_canary else 1)
            rows.append(
                request(
                    f"s{number}", at, items=("a",), answers=tuple(answers), milliseconds=took,
                    **label,
                )
            )  # fmt: skip
            clicks.append((f"s{number}", "next", at + 1))
            at += 1.5
    return rows, clicks


def test_the_log_is_described(tmp_path):
    report = _measure(tmp_path, [request("s", 0), request("t", 60)])
    assert report["requests"] == {
        **{"requests": 2, "sessions": 2, "broken": 0, "repeated": 0},
        **{"first": utc(1000 * START), "last": utc(1000 * (START + 60))},
    }
    assert report["clicks"] is report["canary"] is None
    (group,) = report["groups"]
    assert RECALL not in group["metrics"] and group["p99_ms"] == 2.5


def test_served_sessions_are_compared_with_those_of_the_run(tmp_path):
    finish_run(tmp_path / "out", TRAINED)
    rows = [
        *(request("s", at, items=tuple("abz"[: at + 1])) for at in range(3)),
        request("t", 5, items=("q",), answers=()),
        request("u", 6, items=()),
    ]
    version = _measure(tmp_path, rows, source=Models(tmp_path / "out", None))["versions"]["7"]
    assert (version["requests"], version["sessions"], version["run_id"]) == (5, 3, "run-1")
    assert version["oov_share"] == 2 / 4  # z and q of a, b, z, q
    assert (version["empty_sessions"], version["empty_share"]) == (1 / 3, 1 / 5)
    assert (version["stale_share"], version["stale_of"]) == (2 / 4, "latest items of requests")
    assert set(version["distances"]) == {"item_ids", "popularity", "session_length"}
    assert [one["item"] for one in version["unknown_items"]] == ["z", "q"]
    assert version["moved_items"][0]["item"] in "zqbc"
    assert version["known_items"] == 3 and version["missing"] == []
    assert version["too_short"] == 1 / 2 and version["shortest"] == 2
    assert version["trained_mean_length"] == pytest.approx(7 / 3)
    assert version["lengths"][3] == 1 and sum(version["lengths"]) == 1
    assert version["learned_until"] == utc(1000 * START - 86_400_000)
    assert version["age_days"] == pytest.approx(1 + 6 / 86_400)


def test_a_version_that_is_gone_leaves_online_metrics_and_says_what_is_missing(tmp_path):
    report = _measure(tmp_path, *shop(5, 0.6), source=Models(tmp_path / "out", None))
    version = report["versions"]["7"]
    assert version["oov_share"] is version["stale_share"] is version["age_days"] is None
    assert version["distances"] == {} and len(version["missing"]) == 2
    assert report["groups"][0]["metrics"][RECALL]["value"] is not None


def test_a_session_counts_by_its_last_request_to_a_version(tmp_path):
    rows = [request("s", 1), request("t", 2), request("s", 3), request("s", 4, version=8)]
    requests = read(tmp_path, rows)
    assert last_requests(requests, requests.version == 7).tolist() == [1, 2]


def test_clicks_on_unknown_items_are_those_while_the_version_answered(tmp_path):
    finish_run(tmp_path / "out", TRAINED)
    rows = [request("s", 0), request("s", HOUR)]
    clicks = [("s", "q", -1.0), ("x", "a", 1.0), ("y", "q", 2.0), ("y", "q", HOUR + 1)]
    source = Models(tmp_path / "out", None)
    version = _measure(tmp_path, rows, clicks, source)["versions"]["7"]
    assert (version["stale_share"], version["stale_of"]) == (0.5, "clicks")


def test_online_metrics_are_means_over_requests(tmp_path):
    rows = [
        request("s", 0, answers=("x", "n")),
        request("t", 0, answers=("n", "x")),
        request("u", 0, answers=("x", "y")),
        request("v", 0, answers=("n",)),
    ]
    clicks = [("s", "n", 1.0), ("t", "n", 1.0), ("u", "n", 1.0), ("u", "y", 2.0)]
    report = _measure(tmp_path, rows, clicks)
    (group,) = report["groups"]
    found = {name: each["value"] for name, each in group["metrics"].items()}
    assert found[RECALL] == pytest.approx(2 / 3) and found[MRR] == pytest.approx(0.5)
    assert found[CLICK_THROUGH] == pytest.approx(3 / 4)
    assert group["metrics"][RECALL]["n"] == 3
    assert report["clicks"]["with_target"] == 3


def test_a_worse_canary_is_shown_to_be_worse(tmp_path):
    report = _measure(tmp_path, *shop(150, canary_hits=0.4, slow=1.8))
    canary = report["canary"]
    assert (canary["version"], canary["stable"], canary["verdict"]) == ("8", ["7"], WORSE)
    verdicts = {name: each["verdict"] for name, each in canary["metrics"].items()}
    assert verdicts[RECALL] == verdicts[CLICK_THROUGH] == verdicts[SLOW] == WORSE
    assert canary["sessions"] == [150, 149]  # the first stable session came before any of trial
    assert canary["metrics"][RECALL]["value"] == pytest.approx(-0.2, abs=0.08)


def test_an_equal_canary_is_rarely_found_worse_or_better(tmp_path):
    verdicts = Counter(
        _measure(tmp_path / str(seed), *shop(60, canary_hits=0.6, seed=seed))["canary"]["verdict"]
        for seed in range(12)
    )
    assert verdicts[NOT_SHOWN] >= 11


def test_a_canary_of_few_sessions_proves_nothing(tmp_path):
    canary = _measure(tmp_path, *shop(15, canary_hits=0.0, slow=9.0))["canary"]
    assert canary["verdict"] == NOT_SHOWN
    assert {each["sessions"] for each in canary["metrics"].values()} <= {0, 14, 15}


def test_only_requests_of_the_same_period_are_compared(tmp_path):
    rows, clicks = shop(40, canary_hits=0.6)
    before = [request(f"b{number}", -9000.0, answers=("n",)) for number in range(99)]
    canary = _measure(tmp_path, [*before, *rows], clicks)["canary"]
    assert canary["sessions"] == [40, 39]


def test_a_canary_without_any_stable_request_is_compared_with_nothing(tmp_path):
    rows = [request(f"s{number}", number, label="canary") for number in range(30)]
    canary = _measure(tmp_path, rows)["canary"]
    assert (canary["stable"], canary["verdict"]) == ([], NOT_SHOWN)


def test_the_newest_of_two_versions_on_trial_is_compared(tmp_path):
    rows = [request(f"s{at}", at, label="canary", version=8 + (at > 5)) for at in range(9)]
    assert _measure(tmp_path, rows)["canary"]["version"] == "9"


def test_a_version_named_by_a_time_says_when_it_was_pushed(tmp_path):
    rows = [request("s", 0, version=round(START) - 60), request("s", 1, version=3)]
    versions = _measure(tmp_path, rows)["versions"]
    assert [found["pushed"] for found in versions.values()] == [None, utc(1000 * (START - 60))]
