"""IndexBuilder on a trained model: what passes is pushed, what does not is not, and why."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.index_builder.executor import Executor
from components.index_builder.options import IndexOptions
from components.index_builder.verdict import read_verdict
from modules import graph_index
from pipeline.recommender import load_model, recommend

# A machine that runs other things too must not decide a test.
OPTIONS = IndexOptions(kind="graph", neighbors=16, sessions=30, max_p99_ratio=None)


class Built(NamedTuple):
    verdict: dict[str, Any]
    blessing: standard_artifacts.InfraBlessing
    index: standard_artifacts.Model

    @property
    def folder(self) -> Path:
        return Path(self.index.uri) / "Format-Serving"

    @property
    def failed(self) -> list[str]:
        return [check["name"] for check in self.verdict["checks"] if not check["passed"]]


@pytest.fixture(scope="module")
def build(
    judged_examples, trained, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Built]:
    """Runs the node on the trained model, or on another SavedModel."""

    def build(model_folder: Path | None = None, infra_blessing: Any = None, **options: Any):
        folder = tmp_path_factory.mktemp("index_builder")
        model = standard_artifacts.Model()
        model.uri = str(folder / "trained")
        shutil.copytree(model_folder or trained.folder / "model", folder / "trained/Format-Serving")
        index, blessing = standard_artifacts.Model(), standard_artifacts.InfraBlessing()
        verdict = simple_artifacts.Metrics()
        outputs = {"index": index, "blessing": blessing, "index_verdict": verdict}
        for name, artifact in outputs.items():
            artifact.uri = str(folder / name)
        inputs = {"model": [model], "examples": [judged_examples]}
        if infra_blessing:
            inputs["infra_blessing"] = [infra_blessing]
        chosen = dataclasses.asdict(dataclasses.replace(OPTIONS, **options))
        Executor().Do(
            inputs,
            {name: [artifact] for name, artifact in outputs.items()},
            {"split": "test", "options": json.dumps(chosen)},
        )
        return Built(read_verdict(verdict.uri), blessing, index)

    return build


@pytest.fixture(scope="module")
def built(build) -> Built:
    """An index that passes."""
    result: Built = build()
    return result


def test_an_index_that_finds_enough_passes_and_says_what_it_is_worth(built: Built) -> None:
    assert built.verdict["passed"] and not built.failed
    assert built.blessing.get_int_custom_property("blessed") == 1
    figures = built.verdict["figures"]
    assert figures["recall@100"] >= 0.98 and figures["sessions"] == 30
    for name in ("exact", "approximate"):
        assert 0 < figures[name]["p50_ms"] <= figures[name]["p99_ms"]
        assert figures[name]["megabytes"] > 0
    assert built.verdict["options"]["kind"] == "graph"


def test_an_index_that_passes_is_pushed_and_can_be_asked(built: Built, push) -> None:
    (folder,) = push(built.index, built.blessing)
    assert len(recommend(load_model(folder), [["no such item"]], 5)[0]) == 5


def test_an_index_of_a_refused_model_is_not_pushed(built: Built, push) -> None:
    assert push(built.index, built.blessing, model_blessed=False) == []


def test_an_index_that_finds_too_little_is_refused_and_not_pushed(
    build, push, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Few entries, few neighbors, one narrow step: most of the catalogue is never looked at.
    monkeypatch.setattr(graph_index, "ENTRIES", 100)
    built = build(neighbors=1, widths=(1,), min_recall=1.0)

    assert built.failed == ["recall@100"]
    assert built.blessing.get_int_custom_property("blessed") == 0
    assert push(built.index, built.blessing) == []
    assert "raise index.neighbors or index.widths" in capsys.readouterr().out


def test_an_index_that_is_slow_or_of_a_model_that_failed_is_refused(build) -> None:
    blessing = standard_artifacts.InfraBlessing()
    blessing.set_int_custom_property("blessed", 0)
    built = build(infra_blessing=blessing, max_p99_ms=0.001, max_p99_ratio=0.001)
    assert built.failed == ["p99 latency", "p99 ratio", "model"]


def test_a_model_without_the_parts_is_refused_with_the_way_out(build, tmp_path: Path) -> None:
    module = tf.Module()
    module.ask = tf.function(lambda: tf.constant(1), input_signature=[])
    tf.saved_model.save(module, str(tmp_path), signatures=module.ask.get_concrete_function())

    built = build(tmp_path)

    assert built.failed == ["loads"]
    assert "Train it again" in built.verdict["checks"][0]["explanation"]


def test_answers_are_the_exact_models_for_odd_sessions_too(built: Built, saved_model) -> None:
    index = tf.saved_model.load(str(built.folder)).signatures["recommend"]
    exact = saved_model.signatures["recommend"]
    known = exact(item_ids=tf.constant([[""]]))["item_ids"].numpy()[0, :7]
    rows = [[], [b"unknown"], [b"\xff", known[0]], [known[1]] * 40, [known[2], b"", known[3]]]
    batch = tf.ragged.constant(rows, tf.string, ragged_rank=1).to_tensor("")

    one, other = exact(item_ids=batch), index(item_ids=batch)

    np.testing.assert_array_equal(one["item_ids"], other["item_ids"])
    np.testing.assert_allclose(one["scores"], other["scores"], rtol=1e-4, atol=1e-4)


def test_a_process_with_tensorflow_alone_loads_it(built: Built) -> None:
    script = (
        "import sys, tensorflow as tf\n"
        "answer = tf.saved_model.load(sys.argv[1]).signatures['recommend']"
        "(item_ids=tf.constant([['no such item']]))\n"
        "print(answer['item_ids'].shape[1], 'modules' in sys.modules)"
    )
    command = [sys.executable, "-I", "-c", script, str(built.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["100", "False"]
