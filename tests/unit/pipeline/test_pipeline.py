"""The graph of nodes, without running any."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tfx.orchestration.pipeline import Pipeline

from modules.baselines.registry import BASELINES
from pipeline import stages, tfx_nodes
from pipeline.code_fingerprint import PACKAGES, source_digest
from pipeline.config import load_config
from pipeline.data_files import DataPaths
from pipeline.paths import PROJECT, Paths
from pipeline.pipeline import create_pipeline
from pipeline.stages import SCHEMA_FILE


def _pipeline(folder: Path, *overrides: str) -> Pipeline:
    for name in ("train.tsv", "test.tsv"):
        (folder / name).write_text("SessionId\tItemId\tTime\n")
    data = DataPaths(train=str(folder / "train.tsv"), test=str(folder / "test.tsv"))
    return create_pipeline(load_config("custom", overrides, data), Paths.under(folder / "out"))


def _node(pipeline: Pipeline, name: str):
    return next(node for node in pipeline.components if node.id == name)


def test_baselines_see_the_sessions_that_the_data_gate_let_pass(tmp_path: Path) -> None:
    pipeline = _pipeline(tmp_path)
    node = _node(pipeline, "BaselineEvaluator")

    assert node.inputs["examples"].producer_component_id == "SessionExampleGen"
    assert {above.id for above in node.upstream_nodes} == {"SessionExampleGen", "DataGate"}


@pytest.mark.parametrize(("refit", "splits"), [("true", ["train", "eval"]), ("false", ["train"])])
def test_baselines_learn_from_what_the_model_learns_from(
    tmp_path: Path, refit: str, splits: list[str]
) -> None:
    pipeline = _pipeline(tmp_path, f"trainer.refit={refit}")
    properties = _node(pipeline, "BaselineEvaluator").exec_properties
    vocabulary = json.loads(_node(pipeline, "Transform").exec_properties["splits_config"])

    assert json.loads(properties["fit_splits"]) == vocabulary["analyze"] == splits
    assert properties["split"] == "test"
    assert json.loads(properties["options"])["names"] == list(BASELINES)
    assert len(properties["source_digest"]) == 64


def test_without_a_test_split_no_node_reads_one(tmp_path: Path) -> None:
    (tmp_path / "clicks.tsv").write_text("SessionId\tItemId\tTime\n")
    overrides = ["evaluation.split=eval", "trainer.refit=false"]
    config = load_config("custom", overrides, DataPaths(train=str(tmp_path / "clicks.tsv")))
    for node in create_pipeline(config, Paths.under(tmp_path / "out")).components:
        splits = {value for name, value in node.exec_properties.items() if "split" in name}
        assert not any('test"' in str(value) or value == "test" for value in splits), node.id
    assert "test" in str(_node(_pipeline(tmp_path), "ServingValidator").exec_properties["split"])


def test_the_data_gate_sees_the_counts_of_the_sessions(tmp_path: Path) -> None:
    node = _node(_pipeline(tmp_path), "DataGate")
    assert node.inputs["examples"].producer_component_id == "SessionExampleGen"


def test_a_refused_model_has_a_report_that_shows_the_configuration(tmp_path: Path) -> None:
    pipeline = _pipeline(tmp_path, "trainer.max_epochs=3")
    node = _node(pipeline, "Report")
    waiting, above = [node], set()
    while waiting:
        found = waiting.pop()
        above.add(found.id)
        waiting += found.upstream_nodes

    assert "Pusher" not in above and "ModelGate" in above
    assert json.loads(node.exec_properties["config"])["trainer"]["max_epochs"] == 3
    assert len(node.exec_properties["code_digest"]) == 64
    assert len(node.exec_properties["page_digest"]) == 64


class Copied:
    """A copy of the project's code that nodes take their digests of."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.code = folder, folder / "project"
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PROJECT / package, self.code / package, ignore=ignored)
        of_copy = functools.partial(source_digest, root=self.code)
        monkeypatch.setattr(tfx_nodes, "source_digest", of_copy)
        monkeypatch.setattr(stages, "PROJECT", self.code)
        self.before = self._properties()

    def _properties(self, *overrides: str) -> dict[str, str]:
        nodes = _pipeline(self.folder, *overrides).components
        return {node.id: str(sorted(node.exec_properties.items())) for node in nodes}

    def changed_by_edit(self, file: str, old: str, new: str, *overrides: str) -> set[str]:
        """Returns the nodes that TFX's cache no longer knows; an `old` of "" adds `new`."""
        before = self._properties(*overrides) if overrides else self.before
        path = self.code / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1) if old else f"{text}{new}\n")
        after = self._properties(*overrides)
        path.write_text(text)
        return {node for node in after if after[node] != before[node]}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copied]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Copied(tmp_path_factory.mktemp("copied"), monkeypatch)


_FITS = {"Trainer", "Report"}


@pytest.mark.parametrize(
    ("file", "users"),
    [
        ("modules/model/losses.py", _FITS),
        ("modules/tuner.py", set()),
        ("modules/preprocessing.py", {"Transform", "Report"}),
        ("modules/sessions/sessions.py", {"SessionExampleGen", "Report"}),
        ("modules/config/options/sessions.py", {"SessionExampleGen", "Report"}),
        ("modules/evaluation/tfma_metrics.py", {"Evaluator", "Report"}),
        ("modules/baselines/session_knn.py", {"BaselineEvaluator", "Report"}),
        ("components/data_gate/checks.py", {"DataGate", "Report"}),
        ("modules/gate/check_record.py", {"DataGate", "ModelGate", "ServingValidator", "Report"}),
        ("modules/gate/metric_checks.py", {"ModelGate", "Report"}),
        ("modules/serving/isolated_probe.py", {"ServingValidator", "Report"}),
        ("components/report/charts.py", {"Report"}),
        ("modules/config/options/data_gate.py", {"DataGate", "Report"}),
        ("modules/config/options/features.py", {"Transform", *_FITS}),
        ("modules/config/options/model.py", _FITS),
        ("modules/config/options/trainer.py", _FITS),
        ("modules/config/options/tuner.py", set()),
        ("modules/config/options/baselines.py", {"BaselineEvaluator", "Report"}),
        ("modules/config/options/serving_validator.py", {"ServingValidator", "Report"}),
        ("modules/config/options/index.py", set()),
        ("modules/config/options/model_gate.py", {"ModelGate", "Report"}),
        ("modules/config/options/evaluation.py", {"Evaluator", "ModelGate", "Report"}),
        ("modules/gate/known_metrics.py", {"ModelGate", "Report"}),
        ("modules/evaluation/rank_table.py", {"BaselineEvaluator", "ModelGate", "Report"}),
        ("pipeline/pipeline.py", set()),
        ("pipeline/config.py", set()),
        ("pipeline/stages.py", set()),
        ("pipeline/run/summary.py", set()),
    ],
)
def test_new_code_reruns_the_nodes_that_use_it(copied: Copied, file: str, users: set[str]) -> None:
    assert copied.changed_by_edit(file, "", "EDITED = 1") == users


@pytest.mark.parametrize(
    ("file", "old", "new", "users"),
    [
        ("modules/model/losses.py", "", "# A comment.", set()),
        ("modules/model/losses.py", '"""', '"""Also this: ', set()),
        (
            "modules/config/options/data_gate.py",
            "minimum number of sessions",
            "fewest sessions",
            set(),
        ),
        ("modules/config/options/trainer.py", 'unit="MiB"', 'unit="megabytes"', set()),
        (
            "modules/config/options/data_gate.py",
            "(0, 10**12)",
            "(0, 10**13)",
            {"DataGate", "Report"},
        ),
        ("modules/config/options/trainer.py", "limits=(1e-7, 10.0)", "limits=(1e-7, 100.0)", _FITS),
        ("pipeline/schema/" + SCHEMA_FILE, "", "# edited", {"ImportSchemaGen"}),
    ],
)
def test_only_an_edit_of_what_code_does_reruns_nodes(
    copied: Copied, file: str, old: str, new: str, users: set[str]
) -> None:
    assert copied.changed_by_edit(file, old, new) == users


def test_an_edit_of_the_pusher_reruns_it(copied: Copied) -> None:
    assert "Pusher" in copied.changed_by_edit("components/pusher/node.py", "", "EDITED = 1")


def test_a_search_is_among_what_the_report_shows(copied: Copied) -> None:
    for file in ("modules/tuner.py", "modules/config/options/tuner.py"):
        changed = copied.changed_by_edit(file, "", "EDITED = 1", "tuner.enabled=true")
        assert changed == {"Tuner", "Report"}
