"""Who takes part in a training. tests/integration/test_workers.py trains with several."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

from modules.training import workers


def _name(monkeypatch: pytest.MonkeyPatch, cluster: dict, kind: str, index: int) -> None:
    config = {"cluster": cluster, "task": {"type": kind, "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)


def test_a_process_without_others_is_the_chief_and_trains_as_ever() -> None:
    assert workers.count() == 1
    assert workers.is_chief()
    assert workers.strategy() is tf.distribute.get_strategy()
    assert workers.of_chief([0.25, float("nan")])[0] == 0.25
    workers.wait_for_all()


@pytest.mark.parametrize("text", ["", "{}", '{"task": {"type": "worker", "index": 0}}'])
def test_a_configuration_without_a_cluster_names_nobody_else(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    assert workers.count() == 1
    assert workers.is_chief()


@pytest.mark.parametrize("index", [0, 1])
def test_the_first_worker_is_the_chief_if_none_is_named(
    monkeypatch: pytest.MonkeyPatch, index: int
) -> None:
    _name(monkeypatch, {"worker": ["a:1", "b:1"]}, "worker", index)
    assert workers.count() == 2
    assert workers.is_chief() == (index == 0)


@pytest.mark.parametrize(("kind", "index"), [("chief", 0), ("worker", 0), ("worker", 1)])
def test_a_named_chief_is_one_more_worker(
    monkeypatch: pytest.MonkeyPatch, kind: str, index: int
) -> None:
    _name(monkeypatch, {"chief": ["a:1"], "worker": ["b:1", "c:1"]}, kind, index)
    assert workers.count() == 3
    assert workers.is_chief() == (kind == "chief")
