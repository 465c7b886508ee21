"""What is counted of requests, sessions and models."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from serving.server.metrics import Metrics, age_seconds
from serving.server.model_store import ServedModel

KNOWN = frozenset({b"a", b"b"})


def _model(folder: Path) -> ServedModel:
    return ServedModel(folder, {}, 37, (), KNOWN, None)


def _metrics() -> Metrics:
    return Metrics(lambda: {"stable": _model(Path("7"))})


def test_sessions_and_items_are_counted() -> None:
    metrics = _metrics()
    rows = [[b"a", b"x", b""], [b"y", b"", b""], [b" b ", b"a", b"a"], [b"", b"", b""]]
    metrics.recommended({"item_ids": np.array(rows, object)}, "stable", KNOWN)
    assert metrics.shares() == {"unknown items": 2 / 6, "fallback sessions": 2 / 4}
    text = metrics.text().decode()
    assert 'session_retrieval_sessions_total{label="stable"} 4.0' in text
    assert 'session_retrieval_unknown_items_total{label="stable"} 2.0' in text


def test_nothing_is_counted_of_what_is_not_known() -> None:
    metrics = _metrics()
    metrics.recommended({"examples": np.array([b""], object)}, "stable", KNOWN)
    metrics.recommended({"item_ids": np.array([[b"a"]], object)}, "stable", frozenset())
    assert metrics.shares() == {"unknown items": None, "fallback sessions": None}


def test_requests_are_counted_by_status_and_time() -> None:
    metrics = _metrics()
    assert metrics.latencies() == {"p50_ms": None, "p99_ms": None}
    for number in range(100):
        seconds = 0.002 if number < 98 else 0.2
        metrics.answered("rest", "recommend", "stable", "200", seconds)
        metrics.answered("rest", "recommend", "stable", "503", 0.0)  # refused at once
    assert metrics.request_counts() == {"200": 100, "503": 100}
    assert metrics.latencies() == {"p50_ms": 2.5, "p99_ms": 250.0}


def test_models_are_described_when_they_are_scraped() -> None:
    text = _metrics().text().decode()
    assert 'session_retrieval_model_info{label="stable",version="7"} 1.0' in text
    assert 'session_retrieval_model_items{label="stable"} 37.0' in text


def test_a_version_that_is_a_time_tells_the_age(tmp_path: Path) -> None:
    hour_ago = int(time.time()) - 3_600
    assert age_seconds(_model(Path(str(hour_ago)))) == pytest.approx(3_600, abs=5)
    (tmp_path / "saved_model.pb").touch()
    assert age_seconds(_model(tmp_path)) == pytest.approx(0, abs=5)
    assert age_seconds(_model(tmp_path / "gone")) is None
