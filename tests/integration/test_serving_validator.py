"""ServingValidator on a trained model, and on models that must not be pushed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.serving_validator.checks import latency_checks
from components.serving_validator.node import ServingValidator
from modules.config.options.serving_validator import ServingValidatorOptions
from modules.files.model_folder import REFERENCE_PREDICTIONS
from modules.serving.isolated_probe import timed
from modules.serving.latency import Latency
from tests import exported_model

# A machine that runs other things too must not decide a test.
OPTIONS = ServingValidatorOptions(sessions=20, max_p50_ms=10_000.0)
# Ends with this process, even if that is killed.
_BURN = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"


class Verdict(NamedTuple):
    blessed: bool
    checks: dict[str, tuple[bool, str]]
    figures: dict[str, float]
    blessing: Any


@pytest.fixture
def validate(judged_examples, trained_model, tmp_path: Path) -> Callable[..., Verdict]:
    """Runs the node on `trained_model`."""

    def validate(infra_blessing: Any = None, **options: Any) -> Verdict:
        blessing, report = standard_artifacts.InfraBlessing(), simple_artifacts.Metrics()
        blessing.uri, report.uri = str(tmp_path / "blessing"), str(tmp_path / "report")
        chosen = dataclasses.asdict(dataclasses.replace(OPTIONS, **options))
        ServingValidator.test_call(
            model=trained_model,
            examples=judged_examples,
            blessing=blessing,
            report=report,
            split="test",
            options=json.dumps(chosen),
            infra_blessing=infra_blessing,
        )
        content = json.loads((tmp_path / "report" / "report.json").read_text())
        checks = {c["name"]: (c["passed"], c["reason"]) for c in content["checks"]}
        blessed = bool(blessing.get_int_custom_property("blessed"))
        return Verdict(blessed, checks, content["figures"], blessing)

    return validate


def _failed(verdict: Verdict) -> list[str]:
    return [name for name, (passed, _) in verdict.checks.items() if not passed]


def test_a_trained_model_passes(
    validate, trained_model, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = validate()

    assert verdict.blessed, verdict.checks
    assert verdict.checks["answers"][1] == "50 of 50 sessions are answered as by the trainer"
    assert set(verdict.checks) >= {"signatures", "loads", "form", "examples", "p50 latency"}
    assert 0 < verdict.figures["p50_ms"] <= verdict.figures["p99_ms"]
    assert (Path(verdict.blessing.uri) / "INFRA_BLESSED").exists()
    assert "Serving check: passed" in capsys.readouterr().out


def test_a_model_that_answers_otherwise_than_the_trainer_fails(validate, trained_model) -> None:
    file = Path(trained_model.uri) / "Format-Serving" / REFERENCE_PREDICTIONS
    content = json.loads(file.read_text())
    content["item_ids"][3].reverse()
    file.write_text(json.dumps(content))

    verdict = validate()

    assert _failed(verdict) == ["answers"]
    assert verdict.checks["answers"][1].startswith("49 of 50")
    assert not verdict.blessed
    assert (Path(verdict.blessing.uri) / "INFRA_NOT_BLESSED").exists()


def test_a_model_without_the_trainers_answers_fails(validate, trained_model) -> None:
    (Path(trained_model.uri) / "Format-Serving" / REFERENCE_PREDICTIONS).unlink()

    assert _failed(validate()) == ["answers"]


def test_a_model_that_does_not_load_fails_with_its_last_words(
    validate, trained_model, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(trained_model.uri) / "Format-Serving" / "assets" / "item_ids.txt"
    file.unlink()

    verdict = validate()

    assert _failed(verdict) == ["loads"]
    assert "item_ids.txt" in verdict.checks["loads"][1]
    assert "Serving check: failed, nothing is pushed" in capsys.readouterr().out


def test_a_model_that_is_too_slow_fails(validate) -> None:
    verdict = validate(max_p50_ms=0.001, max_p99_ms=0.001)

    assert _failed(verdict) == ["p50 latency", "p99 latency"]
    text = verdict.checks["p50 latency"][1]  # with the CPU time between these on a busy machine
    assert "ms for one session" in text
    assert text.endswith(", at most 0.001")


class Slow(tf.Module):
    """A model that does more work in every answer than a good one."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._model = tf.saved_model.load(str(folder))
        self._factor = tf.Variable(tf.random.normal([1000, 1000]))

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, name="item_ids")])
    def recommend(self, item_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        found = self._model.signatures["recommend"](item_ids=item_ids)
        product = tf.random.normal([1000, 1000])
        for _ in range(2):
            product = tf.tanh(product @ self._factor)
        return {**found, "scores": found["scores"] + 0 * tf.reduce_sum(product)}


@contextlib.contextmanager
def crowded_core(processes: int) -> Iterator[None]:
    """Keeps one core busy with processes, and all threads of this process on that core."""
    cores = os.sched_getaffinity(0)
    burners: list[subprocess.Popen[bytes]] = []
    try:
        _move({min(cores)})
        for _ in range(processes):
            burners.append(subprocess.Popen([sys.executable, "-c", _BURN]))
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
        _move(cores)


def _move(cores: set[int]) -> None:
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # it has ended just now
            os.sched_setaffinity(int(thread), cores)


def test_a_busy_machine_fails_a_slow_model_alone(tmp_path: Path) -> None:
    good = exported_model.make(tmp_path / "good")
    models = {"good": tf.saved_model.load(str(good)), "slow": Slow(good)}
    calls = {
        "good": lambda ids: models["good"].signatures["recommend"](item_ids=ids)["scores"].numpy(),
        "slow": lambda ids: models["slow"].recommend(ids)["scores"].numpy(),
    }
    # Of many rows: the CPU time of a call of a millisecond grows by what it finds in the caches.
    request = tf.constant([["item 1", f"item {number % 9}"] for number in range(500)])
    requests = [request] * 12
    for call in calls.values():
        call(request)

    alone = Latency.of(timed({"good": calls["good"]}, requests), "good")
    options = ServingValidatorOptions(max_p50_ms=2 * alone.cpu["p50_ms"])
    with crowded_core(6):
        busy = {name: Latency.of(timed({name: calls[name]}, requests), name) for name in calls}
    assert busy["good"].delay > 2 and busy["good"].wall["p50_ms"] > options.max_p50_ms, busy
    assert latency_checks(busy["good"], options)[0].passed, busy
    assert not latency_checks(busy["slow"], options)[0].passed, busy


@pytest.mark.parametrize("loads", [0, 1])
def test_what_infra_validator_found_counts_too(validate, loads: int) -> None:
    other = standard_artifacts.InfraBlessing()
    other.set_int_custom_property("blessed", loads)

    verdict = validate(infra_blessing=other)

    assert verdict.blessed == bool(loads)
    assert _failed(verdict) == ([] if loads else ["InfraValidator"])


@pytest.mark.parametrize("limit", [10_000.0, 0.001])
def test_pusher_obeys(validate, trained_model, push, limit: float) -> None:
    verdict = validate(max_p50_ms=limit)

    assert len(push(trained_model, verdict.blessing)) == int(verdict.blessed)
    assert verdict.blessed == (limit > 1)
