"""The report of a real model, by the real node, in a real browser."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_model_analysis.proto import metrics_for_slice_pb2
from tfx import types
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.baseline_evaluator.node import BaselineEvaluator
from components.data_gate.checks import DataCheck
from components.model_gate.node import ModelGate
from components.report import page
from components.report.node import Report as ReportNode
from modules.config.options.baselines import BaselineOptions
from modules.config.options.evaluation import EvaluationOptions
from modules.config.options.model_gate import ModelGateOptions
from modules.evaluation import metrics
from modules.ingest.report import Reject, Report
from modules.items.item_report import ItemReport
from modules.items.known_names import ITEMS_FILE
from serving import pushed_models
from tests.integration.browser import Browser
from tests.integration.page_checks import check_page
from tests.integration.test_model_gate import ITEMS
from tests.integration.test_model_gate import World as GateWorld

# What a shop could have called an item, and a row that somebody sent.
EVIL = '<img src="http://example.org/x.png" onerror="throw 1">'


class World:
    """What a run's nodes left: real ones where that is a matter of seconds."""

    def __init__(self, folder: Path, sample: Any, trained: Any) -> None:
        self.folder, self.made = folder, 0
        self.sample, self.trained = sample, trained
        self.inputs = {
            "examples": self._examples(),
            "transform_graph": self.artifact(standard_artifacts.TransformGraph, sample.graph),
            "model": self._model(),
            "model_run": self.artifact(standard_artifacts.ModelRun, trained.folder / "logs"),
            "data_report": self._data_report(),
        }
        self.inputs["verdict"] = self._verdict()

    def artifact(self, kind: type[types.Artifact], folder: Path | None = None) -> Any:
        self.made += 1
        artifact = kind()
        artifact.id = self.made
        artifact.uri = str(folder or self.folder / f"artifact{self.made}")
        Path(artifact.uri).mkdir(parents=True, exist_ok=True)
        return artifact

    def _examples(self) -> Any:
        examples = self.artifact(standard_artifacts.Examples)
        examples.split_names = json.dumps(list(self.sample.sessions))
        examples.set_string_custom_property("input_fingerprint", "split:train,num_files:1\nfiles:f")
        for split, sessions in self.sample.sessions.items():
            more = [[sessions[0][0], EVIL, sessions[0][0]]] * 30 if split == "test" else []
            folder = Path(examples.uri) / f"Split-{split}"
            folder.mkdir()
            with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
                for number, items in enumerate([*sessions, *more]):
                    writer.write(_example(f"{split}{number:05}", items))
        rejects = [Reject("train", 0, 17, "/logs/a.tsv", "time", f"s1\t{EVIL}\tsoon")]
        report = Report({"train.rows_read": 9, "test.rows_rejected.time": 1}, rejects)
        (Path(examples.uri) / "rejects").mkdir()
        (Path(examples.uri) / "rejects" / "report.json").write_text(report.to_json())
        return examples

    def _model(self) -> Any:
        model = self.artifact(standard_artifacts.Model)
        (Path(model.uri) / "Format-Serving").symlink_to(self.trained.folder / "model")
        return model

    def _data_report(self) -> Any:
        report = self.artifact(simple_artifacts.Metrics)
        check = DataCheck(
            "stop_severities", "passed", f"odd: {EVIL}", "test", "item_ids", "INFO", None
        )
        content = {"compared_with": None, "checks": [check.as_json()]}
        (Path(report.uri) / "report.json").write_text(json.dumps(content))
        return report

    def _evaluation(self) -> Any:
        """The model's metrics in the form of TFMA's Evaluator."""
        evaluation = self.artifact(standard_artifacts.ModelEvaluation)
        files = tf.io.gfile.glob(f"{self.inputs['examples'].uri}/Split-test/*")
        records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
        loaded = tf.saved_model.load(str(self.trained.folder / "model"))
        outputs = loaded.signatures["evaluate"](examples=tf.constant(records))
        record = metrics_for_slice_pb2.MetricsForSlice()
        names = ("rank", "known", "known_rank")
        found = metrics.metrics_from_ranks(*(outputs[name] for name in names))
        for name, value in found.items():
            entry = record.metric_keys_and_values.add()
            entry.key.name = name
            entry.value.double_value.value = value
        with tf.io.TFRecordWriter(f"{evaluation.uri}/metrics-00000-of-00001.tfrecord") as writer:
            writer.write(record.SerializeToString())
        return evaluation

    def _baseline_ranks(self) -> Any:
        ranks = self.artifact(simple_artifacts.Metrics)
        names = ("popularity", "sequential_rules")
        BaselineEvaluator.test_call(
            examples=self.inputs["examples"],
            baseline_ranks=ranks,
            fit_splits='["train", "eval"]',
            split="test",
            options=json.dumps(dataclasses.asdict(BaselineOptions(names=names))),
        )
        return ranks

    def _verdict(self) -> Any:
        """Two epochs of a tiny model do not beat sequential rules: it is refused."""
        verdict = self.artifact(simple_artifacts.Metrics)
        ModelGate.test_call(
            examples=self.inputs["examples"],
            evaluation=self._evaluation(),
            model=self.inputs["model"],
            blessing=self.artifact(standard_artifacts.ModelBlessing),
            verdict=verdict,
            fit_splits='["train", "eval"]',
            evaluation_options=json.dumps(dataclasses.asdict(EvaluationOptions())),
            options=json.dumps(dataclasses.asdict(ModelGateOptions(resamples=200))),
            baseline_ranks=self._baseline_ranks(),
            last_blessed_model=self.inputs["model"],
        )
        return verdict

    def report(self, inputs: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> Path:
        """Runs the node and returns its output's folder."""
        output = self.artifact(simple_artifacts.File)
        features = dataclasses.asdict(self.sample.features)
        found = {"name": "shop", "features": features} if config is None else config
        ReportNode.test_call(
            page=output, config=json.dumps(found), code_digest="c0de" * 16, **inputs
        )
        return Path(output.uri)


def _example(session_id: str, items: list[str]) -> bytes:
    times = [1_000 * place for place in range(len(items))]
    feature = {
        "session_id": tf.train.BytesList(value=[session_id.encode()]),
        "item_ids": tf.train.BytesList(value=[item.encode() for item in items]),
    }
    features = {name: tf.train.Feature(bytes_list=value) for name, value in feature.items()}
    for name, values in (("event_times", times), ("start_time", times[:1])):
        features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sample: Any, trained: Any) -> World:
    return World(tmp_path_factory.mktemp("world"), sample, trained)


@pytest.fixture(scope="module")
def folder(world: World) -> Path:
    return world.report(world.inputs)


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "report.html").read_text("utf-8")


def test_shows_all_that_the_nodes_left(text: str, world: World) -> None:
    gaps = re.findall(r'<p class="missing">(.*?)</p>', text)
    assert gaps == ["No checks of the exported model: the run has no such artifact."]
    assert "✗ Not blessed" in text and "it equals the last blessed model" in text
    for name, artifact in world.inputs.items():
        assert artifact.id and name.replace("_", " ") in text
    for part in ("c0de" * 16, "files:f", "Intended use", "tensorflow", "recall@20 on eval"):
        assert part in text
    tables = re.findall(r'aria-label="(.*?) by slice"', text)
    assert tables == ["honest/all/recall@20", "honest/all/mrr@20", "Beyond accuracy"]
    charts = re.findall(r'<svg role="img" aria-label="(.*?)"', text)
    assert sum(label.startswith("Bar chart") for label in charts) == 4
    assert sum(label.startswith("Training curves") for label in charts) >= 3
    assert all("last blessed" in label for label in charts if label.startswith("Bar chart"))


def test_needs_no_network_and_runs_no_script(text: str) -> None:
    assert "<script" not in text and "<img" not in text
    assert not re.findall(r'(?:src|href)="(?!#|data:,")[^"]*"', text)
    assert not re.findall(r"url\((?!#)", text)


def test_examples_are_what_the_model_recommends(text: str, world: World) -> None:
    model = pushed_models.load_model(world.trained.folder / "model")
    shown = re.findall(
        r"<span>seen</span>\s*<span class=\"ids\">(.*?)</span>.*?<span>answer</span>\s*"
        r"<span class=\"ids\">(.*?)</span></div>",
        text,
        re.DOTALL,
    )
    assert len(shown) == 20
    for seen, answer in shown:
        if "&lt;img" in seen:
            continue
        found = pushed_models.recommend(model, [seen.split(" → ")], 10)[0]
        items = [re.sub("<.*?>| ✓", "", item) for item in answer.split(", ")]
        assert items == [item.item_id for item in found]


def test_names_and_categories_stand_beside_ids(world: World, tmp_path: Path) -> None:
    ids = pushed_models.known_items(world.trained.folder / "model")
    names = [f"{EVIL} {item}" for item in ids]
    pq.write_table(pa.table({"item_id": ids, "name": names}), tmp_path / ITEMS_FILE)
    report = ItemReport({"rows_read": 9, "items_not_in_log": 2}, {"items_not_in_log": [EVIL]})
    (tmp_path / "report.json").write_text(json.dumps(report._asdict()))
    items = world.artifact(simple_artifacts.Dataset, tmp_path)
    options = {"name_column": "name", "category_column": "item_id"}
    features = dataclasses.asdict(world.sample.features)
    inputs = {**world.inputs, "items": items}
    page = world.report(inputs, {"name": "shop", "features": features, "items": options})
    text = (page / "report.html").read_text("utf-8")
    shown = re.findall(r'&gt; (\S+) <span class="note">(\S+) · (\S+)</span>', text)
    assert len(shown) > 200 and all(len({*each}) == 1 for each in shown)
    assert "items that no session has" in text
    assert "<img" not in text

    (tmp_path / ITEMS_FILE).unlink()
    page = world.report(inputs, {"name": "shop", "features": features, "items": options})
    assert "No names of items: it could not be made" in (page / "report.html").read_text("utf-8")


def test_writes_the_training_curves_as_a_file(folder: Path) -> None:
    root = ElementTree.parse(folder / "training_curves.svg").getroot()
    assert "mean loss, choose" in root.attrib["aria-label"]


def test_writes_a_page_about_a_run_without_artifacts(world: World) -> None:
    folder = world.report({}, {})
    text = (folder / "report.html").read_text("utf-8")
    assert "No verdict" in text and text.count('class="missing"') >= 10
    assert [file.name for file in folder.iterdir()] == ["report.html"]


def test_writes_a_page_about_artifacts_that_cannot_be_read(world: World, tmp_path: Path) -> None:
    inputs = {}
    for name, artifact in world.inputs.items():
        broken = type(artifact)()
        broken.id, broken.uri = artifact.id, str(tmp_path / name)
        (tmp_path / name).mkdir()
        (tmp_path / name / "verdict.json").write_text("{")
        inputs[name] = broken
    inputs["examples"].split_names = '["test"]'
    text = (world.report(inputs) / "report.html").read_text("utf-8")
    assert "No verdict: it could not be made: JSONDecodeError" in text
    assert "NotFoundError" in text
    assert str(tmp_path / "model").replace("/", "/<wbr>").replace("_", "_<wbr>") in text


@pytest.mark.parametrize("case", ["broken", "nan", "empty"])
def test_shows_models_that_could_not_be_evaluated(
    world: World, tmp_path_factory: pytest.TempPathFactory, case: str
) -> None:
    gate = GateWorld(tmp_path_factory.mktemp("gate"))
    model, evaluated = gate.save(gate.scores()), None
    if case == "broken":
        evaluated, model = model, gate.artifact(standard_artifacts.Model, "broken")
    if case == "nan":
        model = gate.save(np.full((ITEMS + 1, ITEMS), np.nan))
    split = "eval" if case == "empty" else "test"
    verdict = simple_artifacts.Metrics()
    verdict.uri = str(gate.judge(model, split=split, evaluated=evaluated).verdict)
    inputs = {**world.inputs, "verdict": verdict, "model": model}
    text = (world.report(inputs) / "report.html").read_text("utf-8")
    assert "✗ Not blessed" in text and "Why not" in text
    # The page itself was made, and nothing of the verdict is missing but what has no metrics.
    assert "page could not be made" not in text
    gaps = re.findall(r'<p class="missing">No (.*?):', text)
    without_figures = {"charts of metrics", "slices", "example sessions"}
    assert set(gaps) <= {"checks of the exported model", *without_figures}, gaps
    assert ("example sessions" in gaps) == (case == "broken")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_can_be_read_in_a_browser(
    folder: Path, browser: Browser, tmp_path: Path, scheme: str, width: int
) -> None:
    check_page(browser, folder / "report.html", scheme, width)
    browser.screenshot(tmp_path / "page.png")
    ids = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert {section.name for section in page.SECTIONS} <= set(ids)
    # The verdict is what is seen first.
    assert browser.run("document.querySelector('#verdict h2').getBoundingClientRect().bottom") < 500
