"""Files of a finished run are damaged in turn; the same command again ends well, or names the file.

`make test-damage` runs these; two kinds of damage are in every test run, in test_pipeline.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modules.files.model_folder import model_damage
from pipeline.sample.generate import write_sample
from tests.file_damage import cut, flip

PROJECT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.exhaustive
SETTINGS = (
    "trainer.max_epochs=1 trainer.refit=false trainer.early_stopping_patience=null "
    "model.ensemble_size=1 model.embedding_dim=8 model.gru_units=8 "
    "baselines.names=[popularity] gate.beat_baselines=[] gate.resamples=100 "
    "serving.sessions=5 serving.max_p50_ms=null"
)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


DAMAGES = {"delete": _delete, "cut": cut, "flip": flip}
# Patterns of one file or folder each, below OUT.
FILES = (
    "artifacts/SessionExampleGen/examples/*/Split-train/*.gz",
    "artifacts/SessionExampleGen/examples/*/Split-test/*.gz",
    "artifacts/StatisticsGen/statistics/*/Split-train/*",
    "artifacts/ImportSchemaGen/schema/*/*",
    "artifacts/ExampleValidator/anomalies/*/Split-train/*",
    "artifacts/DataGate/report/*/report.json",
    "artifacts/BaselineEvaluator/baseline_ranks/*/ranks.parquet",
    "artifacts/Transform/transform_graph/*/transform_fn/saved_model.pb",
    "artifacts/Transform/transform_graph/*/transform_fn/assets/item_ids",
    "artifacts/Transform/transform_graph/*/transformed_metadata/schema.pbtxt",
    "artifacts/Transform/transformed_examples/*/Split-train/*",
    "artifacts/Trainer/model/*/Format-Serving/saved_model.pb",
    "artifacts/Trainer/model/*/Format-Serving/variables/variables.data*",
    "artifacts/Trainer/model/*/Format-Serving/variables/variables.index",
    "artifacts/Trainer/model/*/Format-Serving/assets/item_ids.txt",
    "artifacts/Trainer/model/*/Format-Serving/assets.extra/choices.json",
    "artifacts/Trainer/model/*/Format-Serving/assets.extra/manifest.json",
    "artifacts/Trainer/model_run/*/**/events*",
    "artifacts/Evaluator/evaluation/*/metrics*",
    "artifacts/Evaluator/evaluation/*/eval_config.json",
    "artifacts/ModelGate/verdict/*/verdict.json",
    "artifacts/ModelGate/verdict/*/ranks.parquet",
    "artifacts/ServingValidator/report/*/report.json",
    "artifacts/Report/page/*/report.html",
    "artifacts/Pusher/pushed_model/*/variables/variables.data*",
    "pushed/*/saved_model.pb",
    "pushed/*/variables/variables.data*",
    "pushed/*/variables/variables.index",
    "pushed/*/assets/item_ids.txt",
    "pushed/*/assets.extra/manifest.json",
    "digests/Transform/transform_graph/*.json",
    "digests/Trainer/model/*.json",
    "metadata.sqlite",
    "metadata.sqlite.sha256",
    "digests/summary.json.json",
    "summary.json",
    "config.yaml",
)
FOLDERS = (
    "artifacts",
    "artifacts/StatisticsGen/statistics/*",
    "artifacts/Transform/transform_graph/*",
    "artifacts/Trainer/model/*",
    "artifacts/ModelGate/blessing/*",
    "pushed",
    "pushed/*",
    "digests",
    "checkpoints",
    "logs",
)
WRITTEN_ANYWAY = ("config.yaml", "metadata.sqlite.sha256", "digests/summary.json.json")
ALL = [
    *((pattern, damage) for pattern in FILES for damage in DAMAGES),
    *((pattern, "delete") for pattern in FOLDERS),
]
LOST_METADATA = ("metadata.sqlite", "delete")


class Finished(NamedTuple):
    """A run that has ended, twice, so that the last one took all from the cache.

    Attributes:
      folder: holds `data` and `out`.
      summary: of the run.
      copy: of `out` as the run left it.
    """

    folder: Path
    summary: dict[str, Any]
    copy: Path

    def restore(self) -> None:
        """Makes `out` what it was; metadata hold its path, so it is the same folder."""
        shutil.rmtree(self.folder / "out")
        shutil.copytree(self.copy, self.folder / "out", symlinks=True)


def _run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    data = folder / "data"
    files = ["--train", str(data / "train.tsv"), "--test", str(data / "test.tsv")]
    command = [
        sys.executable,
        "-m",
        "pipeline.cli",
        "run",
        *files,
        "--set",
        " ".join([SETTINGS, *more]),
    ]
    return subprocess.run(
        [*command, "--out", str(folder / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=PROJECT,
        timeout=600,
    )


def _summary(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "out" / "summary.json").read_text("utf-8"))
    return summary


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("damage")
    write_sample(folder / "data", sessions=600)
    for _ in range(2):
        done = _run(folder)
        assert done.returncode == 0, done.stdout
    copy = folder / "copy"
    shutil.copytree(folder / "out", copy, symlinks=True)
    return Finished(folder, _summary(folder), copy)


def _check(finished: Finished, pattern: str, damage: Callable[[Path], None]) -> str:
    """Damages a file and runs the same command; returns what was printed if it ended well."""
    finished.restore()
    out = finished.folder / "out"
    path = next(iter(sorted(out.glob(pattern))))
    damage(path)

    done = _run(finished.folder)

    if done.returncode:
        # A number alone, as of an artifact, could be anything in the output.
        named = path.name if path.is_file() else str(path.relative_to(out))
        assert named in done.stdout, done.stdout
        assert "Traceback" not in done.stdout, done.stdout
        return ""
    summary = _summary(finished.folder)
    assert summary["blessed"], done.stdout
    assert summary["metrics"] == finished.summary["metrics"]
    assert model_damage(summary["pushed_model"]) is None
    newest = max((out / "pushed").iterdir(), key=lambda version: int(version.name))
    assert summary["pushed_model"] == str(newest)
    assert model_damage(str(newest)) is None
    assert ("Damaged: " in done.stdout) or _is_made_again_anyway(pattern, damage), done.stdout
    return done.stdout


def _is_made_again_anyway(pattern: str, damage: Callable[[Path], None]) -> bool:
    """Tells whether nothing needs to be said: every run writes the file, or TFX's cache looks."""
    is_lost = damage is _delete and not pattern.startswith("pushed")
    return pattern in WRITTEN_ANYWAY or (
        is_lost and (pattern in (*FOLDERS, "summary.json") or pattern.startswith("digests/"))
    )


@pytest.mark.parametrize(("pattern", "damage"), [case for case in ALL if case != LOST_METADATA])
def test_all_files_and_folders_in_turn(finished: Finished, pattern: str, damage: str) -> None:
    _check(finished, pattern, DAMAGES[damage])


def test_lost_metadata_push_no_copy_of_the_model(finished: Finished) -> None:
    pattern, damage = LOST_METADATA
    printed = _check(finished, pattern, DAMAGES[damage])

    assert "metadata.sqlite is missing" in printed
    assert "epoch 1/" in printed
    pushed = finished.folder / "out" / "pushed"
    assert [version.name for version in pushed.iterdir()] == [
        Path(finished.summary["pushed_model"]).name
    ]


def test_statistics_of_an_earlier_run_may_be_missing(finished: Finished) -> None:
    finished.restore()
    for folder in (finished.folder / "out" / "artifacts" / "StatisticsGen").glob("statistics/*"):
        shutil.rmtree(folder)

    done = _run(finished.folder, "checks.min_sessions=2")

    assert done.returncode == 0, done.stdout
    assert "nothing to compare with" in done.stdout


def test_a_newer_model_is_served_though_the_newest_version_lies_in_the_future(
    finished: Finished,
) -> None:
    finished.restore()
    pushed = Path(finished.summary["pushed_model"])
    pushed.rename(pushed.with_name("4102444800"))  # the year 2100

    done = _run(finished.folder, "trainer.seed=7")

    assert done.returncode == 0, done.stdout
    assert _summary(finished.folder)["pushed_model"] == str(pushed.with_name("4102444801"))
