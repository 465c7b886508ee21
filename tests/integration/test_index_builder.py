"""IndexBuilder on a trained model: what passes is pushed, what does not is not, and why."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.index_builder.node import IndexBuilder
from modules.config.options.index import IndexOptions
from modules.config.options.releases import STABLE
from modules.sessions.examples import ExampleEncoder
from pipeline.cli.main import main
from serving.client import Client
from serving.pushed_models import NoModelError, load_model, recommend
from serving.server import run
from serving.server.model_store import ModelStore

pytest.importorskip("faiss", reason="faiss is not installed: environment.py setup --extra ann")
# A machine that runs other things too must not decide a test.
OPTIONS = IndexOptions(
    kind="pq", dimensions_per_code=1, rerank_depth=200, sessions=30, max_p99_ratio=None
)


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
        chosen = dataclasses.asdict(dataclasses.replace(OPTIONS, **options))
        IndexBuilder.test_call(
            model=model,
            examples=judged_examples,
            **outputs,
            split="test",
            options=json.dumps(chosen),
            infra_blessing=infra_blessing,
        )
        return Built(json.loads(Path(verdict.uri, "verdict.json").read_text()), blessing, index)

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
    assert figures["items"] > figures["rescored"] == 200
    assert built.verdict["options"]["kind"] == "pq"


def test_an_index_that_passes_is_pushed_and_can_be_called(built: Built, push) -> None:
    (folder,) = push(built.index, built.blessing)
    assert len(recommend(load_model(folder), [["no such item"], []], 5)[0]) == 5


def test_an_index_of_a_refused_model_is_not_pushed(built: Built, push) -> None:
    assert push(built.index, built.blessing, model_blessed=False) == []


def test_an_index_that_finds_too_little_is_refused_and_not_pushed(
    build, push, capsys: pytest.CaptureFixture[str]
) -> None:
    # One code of 4 bits tells all about an item.
    built = build(dimensions_per_code=16, rerank_depth=100, min_recall=1.0)

    assert built.failed == ["recall@100"]
    assert built.blessing.get_int_custom_property("blessed") == 0
    assert push(built.index, built.blessing) == []
    assert "raise index.rerank_depth" in capsys.readouterr().out


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
    assert "Train it again" in built.verdict["checks"][0]["reason"]


@pytest.mark.parametrize("signature", ["recommend", "serving_default"])
def test_answers_are_the_exact_models_for_odd_sessions_too(
    built: Built, saved_model, signature: str
) -> None:
    index, exact = load_model(built.folder).signatures[signature], saved_model.signatures[signature]
    known = saved_model.signatures["recommend"](item_ids=tf.constant([[""]]))["item_ids"].numpy()[0]
    rows = [[], [b"unknown"], [b"\xff", known[0]], [known[1]] * 40, [known[2], b"", known[3]]]
    asked = {"item_ids": tf.ragged.constant(rows, tf.string, ragged_rank=1).to_tensor("")}
    if signature == "serving_default":
        asked = {"examples": tf.constant([_example(row) for row in rows])}

    one, other = exact(**asked), index(**asked)

    assert other["item_ids"].dtype == tf.string and other["scores"].dtype == tf.float32
    # Of the best 100 codes may lose one or two, of the best 50 none.
    np.testing.assert_array_equal(one["item_ids"][:, :50], other["item_ids"][:, :50])
    np.testing.assert_allclose(one["scores"][:, :50], other["scores"][:, :50], rtol=1e-4, atol=1e-4)
    assert [len(set(row)) for row in other["item_ids"].numpy()] == [100] * len(rows)


def _example(items: list[bytes]) -> bytes:
    return ExampleEncoder().encode(b"", 0, items, [])


def test_session_items_are_scored_as_by_the_exact_model(built: Built, saved_model, sample) -> None:
    """They take part whatever their codes are like, and boosts and demotions are the same."""
    index, exact = load_model(built.folder).signatures["recommend"], saved_model.signatures
    compared = 0
    for session in sample.sessions["test"][:20]:
        asked = tf.constant([list(map(str, session))])
        answers = [ask(item_ids=asked) for ask in (exact["recommend"], index)]
        seen = [_scores_of(answer, session) for answer in answers]
        assert seen[0].keys() == seen[1].keys()
        compared += len(seen[0])
        for item, score in seen[0].items():
            assert score == pytest.approx(seen[1][item], rel=1e-4, abs=1e-4)
    assert compared > 20


def _scores_of(answer: Any, session: Any) -> dict[bytes, float]:
    wanted = {str(item).encode() for item in session}
    found = zip(answer["item_ids"].numpy()[0], answer["scores"].numpy()[0], strict=True)
    return {item: float(score) for item, score in found if item in wanted}


def test_a_batch_job_and_the_predict_api_call_it_too(built: Built, sample, tmp_path: Path) -> None:
    session = list(map(str, sample.sessions["test"][0]))
    expected = [item.item_id for item in recommend(load_model(built.folder), [session], 20)[0]]

    log = tmp_path / "log.tsv"
    rows = [f"s\t{item}\t{1_700_000_000_000 + at}" for at, item in enumerate(session)]
    log.write_text("\n".join(["SessionId\tItemId\tTime", *rows]) + "\n", encoding="utf-8")
    to = tmp_path / "answers"
    arguments = ["--sessions", str(log), "--to", str(to), "--model", str(built.folder)]
    assert main(["batch", *arguments]) == 0
    (shard,) = to.glob("*.tsv")
    assert [line.split("\t")[2] for line in shard.read_text().splitlines()[1:]] == expected

    server = run.start(ModelStore(lambda: {STABLE: built.folder}))
    try:
        found = Client(f"http://localhost:{server.server_port}").recommend([session], 20)
    finally:
        server.shutdown()
    assert [item.item_id for item in found[0]] == expected


def test_without_faiss_one_sentence_says_how_to_install_it(
    built: Built, build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "faiss" else found(name)
    )
    sentence = "`python3 environment.py setup --extra ann` installs it."

    with pytest.raises(NoModelError, match="pq needs faiss") as raised:
        load_model(built.folder)
    assert str(raised.value).endswith(sentence)
    model, to = str(built.folder), str(tmp_path / "answers")
    log = tmp_path / "clicks.tsv"
    log.write_text("SessionId\tItemId\tTime\n1\ta\t1\n")
    assert main(["batch", "--sessions", str(log), "--to", to, "--model", model]) == 1
    assert sentence in capsys.readouterr().err
    refused = build()
    assert refused.failed == ["loads"]
    assert refused.verdict["checks"][0]["reason"].endswith(sentence)
