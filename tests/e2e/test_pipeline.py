"""Whole runs through `session-retrieval run` and TFX's command line, on a small generated sample.

Two of them are typed: the commands of docs/operations.md in a shell that has nothing but PATH
and HOME.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from modules.config.overrides import split_overrides
from modules.files.model_folder import model_damage
from pipeline.config import load_config, write_config
from pipeline.data_files import DataPaths
from pipeline.sample.generate import write_sample
from tests.file_damage import flip

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "operations.md"
# Two epochs of a small model on few sessions do not beat sequential rules.
SETTINGS = (
    "trainer.max_epochs=2 model.embedding_dim=16 model.gru_units=16 "
    "gate.beat_baselines=[popularity]"
)
# What is refused whatever it has learned.
SMALLER = (
    "trainer.max_epochs=1 trainer.refit=false model.ensemble_size=1 model.embedding_dim=8 "
    "model.gru_units=8 baselines.names=[popularity] gate.beat_baselines=[popularity] "
    "gate.resamples=100 serving.sessions=20"
)


def _call(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", command, *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env=environment,
        timeout=600,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("e2e")
    write_sample(folder / "data", sessions=2_000)
    return folder


def _run(folder: Path, settings: str = SETTINGS, out: str = "out") -> tuple[str, dict]:
    data = folder / "data"
    done = _call(
        "run",
        *("--train", str(data / "train.tsv"), "--test", str(data / "test.tsv")),
        *("--set", settings, "--out", str(folder / out)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, json.loads((folder / out / "summary.json").read_text("utf-8"))


def _typed(folder: Path, cwd: Path, **replaced: str) -> str:
    """Types the documented block, parts of it replaced, in an empty environment; returns stdout."""
    section = DOCUMENT.read_text("utf-8").partition("## Using TFX's command line directly")[2]
    block = section.split("```")[1]
    assert block.count("\ntfx ") == 2
    for part, other in {"--pipeline-name=sample": "--pipeline-name=custom", **replaced}.items():
        assert part in block
        block = block.replace(part, other)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    empty = ["env", "-i", f"PATH={path}", f"HOME={home}"]
    done = subprocess.run(
        [*empty, "sh", "-e", "-c", block], capture_output=True, text=True, cwd=cwd, timeout=800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _cached(output: str) -> set[str]:
    return set(re.findall(r"^\[\d+/\d+\] (\w+) \.\.\. cached$", output, re.MULTILINE))


@pytest.fixture(scope="module")
def first(folder: Path) -> tuple[str, dict]:
    return _run(folder)


@pytest.fixture(scope="module")
def second(first: tuple[str, dict], folder: Path) -> str:
    """The same run typed by hand."""
    return _typed(folder, PROJECT, **{"$PWD/output/sample": str(folder / "out")})


def test_ends_with_a_pushed_model_and_its_metrics(first: tuple[str, dict]) -> None:
    output, summary = first
    assert summary["blessed"], summary
    assert Path(summary["pushed_model"]).is_dir()
    assert summary["metrics"]["honest/all/n"] > summary["metrics"]["known/all/n"] > 100
    assert 0 < summary["metrics"]["known/all/recall@20"] <= 1
    assert summary["choices"]["epochs"] >= 1
    assert "WARNING" not in output and "Traceback" not in output


def test_the_history_has_the_run_and_a_link_to_its_report(
    first: tuple[str, dict], folder: Path
) -> None:
    out = folder / "out"
    row = json.loads(_call("history", "--out", str(out), "--json").stdout)[0]
    version = Path(first[1]["pushed_model"]).name
    assert (row["verdict"], row["pushed_version"], row["served_version"]) == (
        "blessed",
        version,
        version,
    )
    mrr = first[1]["metrics"]["known/all/mrr@20"]
    assert row["candidate.known/all/mrr@20"] == pytest.approx(mrr)
    assert row["disk_bytes"] > 10**6 and row["cpu_seconds"] > 1
    assert f'href="{row["report"]}"' in (out / "history.html").read_text("utf-8")
    assert (out / row["report"]).is_file() and (out / "history.parquet").is_file()


def test_the_pushed_model_answers(first: tuple[str, dict], folder: Path) -> None:
    item = (folder / "data" / "train.tsv").read_text("utf-8").splitlines()[1].split("\t")[1]
    done = _call("recommend", "--items", item, "-k", "3", "--out", str(folder / "out"))
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if line.strip()]) >= 3


def test_a_second_run_trains_and_pushes_nothing_and_the_third_runs_nothing(
    first: tuple[str, dict], second: str, folder: Path
) -> None:
    pushed = sorted((folder / "out" / "pushed").iterdir())
    assert len(pushed) == 1
    assert f"Pipeline custom, configured by {folder / 'out' / 'config.yaml'}" in second
    assert {"SessionExampleGen", "Transform", "Trainer", "Evaluator"} <= _cached(second)
    third, summary = _run(folder)
    nodes = set(re.findall(r"^\[\d+/\d+\] (\w+) ", third, re.MULTILINE))
    # The resolver of earlier data runs each time; nothing was pushed since.
    assert nodes - _cached(third) == {"AcceptedStatistics"}
    assert sorted((folder / "out" / "pushed").iterdir()) == pushed
    assert summary["pushed_model"] == first[1]["pushed_model"]
    assert summary["metrics"] == first[1]["metrics"]
    assert summary["gate"]["last_blessed"]["status"] == "identical"
    assert summary["gate"]["last_blessed"]["version"] == pushed[0].name
    # One of the first run, one of the second, which compared the model with itself; none of TFX's.
    assert _blessings(folder / "out") == [1, 1]


def test_damaged_files_are_named_and_made_again(
    first: tuple[str, dict], second: str, folder: Path
) -> None:
    """A file of each mechanism: the cache's digests, and the pushed model's manifest."""
    out = folder / "out"
    metrics = next(out.glob("artifacts/Evaluator/evaluation/*/metrics*"))
    weights = next(out.glob("pushed/*/variables/variables.data*"))
    flip(metrics)
    content = weights.read_bytes()
    weights.unlink()  # in the artifacts, it is the same file
    weights.write_bytes(content[: len(content) // 2])

    output, summary = _run(folder)

    damaged = [line for line in output.splitlines() if line.startswith("Damaged: ")]
    assert all(any(file.name in line for line in damaged) for file in (metrics, weights)), output
    assert "Trainer ... cached" in output
    assert summary["metrics"] == first[1]["metrics"]
    newest = max((out / "pushed").iterdir(), key=lambda version: int(version.name))
    assert summary["pushed_model"] == str(newest)
    assert model_damage(str(newest)) is None


def test_a_failed_serving_check_is_reported_and_repeated(
    first: tuple[str, dict], folder: Path
) -> None:
    for _ in range(2):
        output, summary = _run(folder, f"{SETTINGS} serving.max_p50_ms=0.001")
        assert "Trainer ... cached" in output
        assert "ServingValidator ... cached" not in output
        assert summary["blessed"] and summary["pushed_model"] is None
        assert "The serving check failed:\n  p50 latency" in output


def _blessings(out: Path) -> list[int]:
    """Returns `blessed` of every ModelBlessing in the metadata, -1 where there is none."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(out / "metadata.sqlite")
    store = metadata_store.MetadataStore(config)
    return [
        artifact.custom_properties["blessed"].int_value
        if "blessed" in artifact.custom_properties
        else -1
        for artifact in store.get_artifacts_by_type("ModelBlessing")
    ]


def test_a_typed_run_with_user_code_by_dotted_path_and_a_refused_model(
    second: str, folder: Path, tmp_path: Path
) -> None:
    settings = f"{SMALLER} user_code=module_path gate.thresholds.known/all/recall@20=0.99"
    data, preset = folder / "data", tmp_path / "custom.yaml"
    files = DataPaths(train=str(data / "train.tsv"), test=str(data / "test.tsv"))
    write_config(load_config("custom", split_overrides(settings), files), preset)
    output = _typed(
        folder,
        tmp_path,
        **{
            "$PWD/output/sample": "refused",
            "PRESET=sample": "PRESET=custom.yaml",
            "$PWD/local_runner.py": str(PROJECT / "local_runner.py"),
            # `second` has registered a pipeline of this name.
            "tfx pipeline create": "tfx pipeline update",
        },
    )
    summary = json.loads((tmp_path / "refused" / "summary.json").read_text("utf-8"))
    assert summary["blessed"] is False
    assert summary["pushed_model"] is None
    assert "known/all/recall@20" in output
    assert "is below the threshold 0.9900" in "\n".join(summary["reasons"])
    assert _blessings(tmp_path / "refused") == [0]


def test_a_wrong_header_ends_with_its_cause(folder: Path) -> None:
    bad = folder / "bad.tsv"
    bad.write_text("Session\tItemId\tTime\n1\ta\t1442004589439\n", "utf-8")
    test = str(folder / "data" / "test.tsv")
    done = _call("run", "--train", str(bad), "--test", test, "--out", str(folder / "bad"))
    assert done.returncode != 0
    last = "\n".join(done.stdout.splitlines()[-15:])
    assert "SessionId" in last and "bad.tsv" in last


def test_bad_rows_that_stop_a_run_are_kept(folder: Path) -> None:
    bad = folder / "bad-rows.tsv"
    bad.write_text("SessionId\tItemId\tTime\n1\ta\t1442004589439\n1\tb\n1\t\t5\n", "utf-8")
    test, out = str(folder / "data" / "test.tsv"), folder / "bad rows"
    done = _call("run", "--train", str(bad), "--test", test, "--out", str(out))
    assert done.returncode != 0
    assert f"All bad rows are in {out / 'rejects.jsonl'}" in done.stdout
    kept = [json.loads(line) for line in (out / "rejects.jsonl").read_text("utf-8").splitlines()]
    assert [row["reason"] for row in kept] == ["field_count", "empty_id"]
