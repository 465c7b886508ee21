"""Which nodes run again when code is edited."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import stages, tfx_nodes
from pipeline.code_fingerprint import PACKAGES, source_digest
from pipeline.paths import PROJECT
from pipeline.stages import SCHEMA_FILE
from tests.pipelines import find_node, make_pipeline


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
        nodes = make_pipeline(self.folder, *overrides).components
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


@pytest.mark.parametrize(
    ("file", "users"),
    [
        ("modules/model/losses.py", _FITS),
        ("modules/training/training_state.py", _FITS),
        ("modules/training/kept_weights.py", {"BaseModel", "Pusher", *_FITS}),
        ("modules/training/selection_record.py", {"BaseModel", *_FITS}),
        ("components/previous_run/base_model.py", {"BaseModel", "Report"}),
    ],
)
def test_another_model_looks_for_no_other_start(copied: Copied, file: str, users: set[str]) -> None:
    assert copied.changed_by_edit(file, "", "EDITED = 1", "trainer.warm_start=true") == users


def test_nodes_of_windows_know_whether_events_have_weights(tmp_path: Path) -> None:
    options = ("sessions.visitor_column=v", "sessions.event_column=e", "tuner.enabled=true")
    for weights, expected in ((), None), (("sessions.event_weights.cart=3",), True):
        pipeline = make_pipeline(tmp_path, *options, *weights)
        for name in ("Transform", "Tuner", "Trainer"):
            config = json.loads(find_node(pipeline, name).exec_properties["custom_config"])
            assert config.get("weighted") == expected
