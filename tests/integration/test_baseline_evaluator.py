"""BaselineEvaluator behind the real SessionExampleGen."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.baseline_evaluator.node import BaselineEvaluator
from components.session_example_gen.node import SessionExampleGen
from modules.baselines.registry import make_baseline
from modules.config.options.baselines import BASELINE_NAMES, BaselineOptions
from modules.config.options.sessions import SessionOptions
from modules.evaluation.metrics import metrics_from_rank_histograms, rank_histograms
from modules.evaluation.ranks import UNRANKED
from pipeline.config import LOCAL_BEAM
from pipeline.sample.generate import generate_sessions, write_sample
from tests.baseline_ranks import evaluate_baseline

SESSIONS = 1_500
COLUMNS = {
    "session_id": pa.binary(),
    "step": pa.int32(),
    "known": pa.bool_(),
    "context_length": pa.int32(),
    "target_count": pa.int64(),
    **dict.fromkeys(BASELINE_NAMES, pa.int32()),
    **dict.fromkeys([f"known_rank:{name}" for name in BASELINE_NAMES], pa.int32()),
}


def _run(folder: Path) -> None:
    splits = [
        example_gen_pb2.Input.Split(name=name, pattern=f"{name}.tsv") for name in ("train", "test")
    ]
    example_gen = SessionExampleGen(
        input_base=str(folder),
        input_config=example_gen_pb2.Input(splits=splits),
        sessions=SessionOptions(),
    )
    node = BaselineEvaluator(
        examples=example_gen.outputs["examples"],
        fit_splits='["train", "eval"]',
        split="test",
        options=json.dumps(dataclasses.asdict(BaselineOptions())),
    )
    connection = metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
    LocalDagRunner().run(
        Pipeline(
            pipeline_name="baselines",
            pipeline_root=str(folder / "root"),
            components=[example_gen, node],
            enable_cache=True,
            metadata_connection_config=connection,
            beam_pipeline_args=list(LOCAL_BEAM),
        )
    )


def _outputs(folder: Path) -> list[Path]:
    return list((folder / "root" / "BaselineEvaluator" / "baseline_ranks").iterdir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the node has run once."""
    folder = tmp_path_factory.mktemp("baselines")
    write_sample(folder, sessions=SESSIONS)
    _run(folder)
    return folder


@pytest.fixture(scope="module")
def table(folder: Path) -> pa.Table:
    return pq.read_table(_outputs(folder)[0] / "ranks.parquet")


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, dict[str, float]]:
    return json.loads((_outputs(folder)[0] / "metrics.json").read_text())


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_metrics_equal_a_plain_computation(figures: Any, name: str) -> None:
    train, test = generate_sessions(SESSIONS)
    expected = evaluate_baseline(
        make_baseline(name),
        [session.item_ids for session in train],
        [session.item_ids for session in test],
        [session.event_times[0] for session in train],
    )
    found = dict(figures[name])

    assert found.pop("fit_seconds") + found.pop("judge_seconds") < 60
    assert found == pytest.approx(expected)
    assert expected["honest/all/n"] > expected["known/all/n"] > 500


def test_there_is_a_row_for_every_step_in_order(table: pa.Table) -> None:
    _, test = generate_sessions(SESSIONS)
    expected = sorted(
        (session.session_id.encode(), step)
        for session in test
        for step in range(len(session.item_ids) - 1)
    )
    rows = zip(table["session_id"].to_pylist(), table["step"].to_pylist(), strict=True)

    assert dict(zip(table.column_names, table.schema.types, strict=True)) == COLUMNS
    assert list(rows) == expected


def test_a_row_tells_what_training_knew_of_its_step(table: pa.Table) -> None:
    train, test = generate_sessions(SESSIONS)
    events = [item for session in train for item in session.item_ids]
    items = {session.session_id.encode(): session.item_ids for session in test}
    known = set(events)
    for row in table.slice(0, 300).to_pylist():
        prefix, target = items[row["session_id"]], items[row["session_id"]][row["step"] + 1]
        before = [item for item in prefix[: row["step"] + 1] if item in known]
        assert row["context_length"] == len(before)
        assert row["target_count"] == events.count(target)
        assert row["known"] == (target in known and bool(before))
        if target not in known:
            assert all(row[f"known_rank:{name}"] == UNRANKED for name in BASELINE_NAMES)
            is_own = target in prefix[: row["step"] + 1]
            assert all((row[name] < UNRANKED) == is_own for name in BASELINE_NAMES)


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_metrics_follow_from_the_table(table: pa.Table, figures: Any, name: str) -> None:
    """By a loop over sessions, as the Evaluator counts a model's ranks."""
    sessions: dict[bytes, list[tuple[int, bool, int]]] = {}
    names = ("session_id", name, "known", f"known_rank:{name}")
    columns = [table[column].to_pylist() for column in names]
    for session_id, *step in zip(*columns, strict=True):
        sessions.setdefault(session_id, []).append(tuple(step))
    total = sum(rank_histograms(*zip(*steps, strict=True)) for steps in sessions.values())

    expected = metrics_from_rank_histograms(total)
    assert {key: figures[name][key] for key in expected} == pytest.approx(expected)


def test_a_second_run_comes_from_the_cache(folder: Path, table: pa.Table, capsys: Any) -> None:
    _run(folder)

    assert len(_outputs(folder)) == 1
    assert "sequential_rules" not in capsys.readouterr().out


@pytest.fixture(scope="module")
def empty_test_split(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same examples, but for a split test in which there is nothing."""
    examples = next((folder / "root" / "SessionExampleGen" / "examples").iterdir())
    copy = tmp_path_factory.mktemp("empty")
    (copy / "Split-train").symlink_to(examples / "Split-train")
    (copy / "Split-test").mkdir()
    return copy


def _do(examples: Path, output: Path, fit_splits: list[str]) -> None:
    artifact = standard_artifacts.Examples()
    artifact.uri = str(examples)
    artifact.split_names = artifact_utils.encode_split_names(["train", "test"])
    ranks = simple_artifacts.Metrics()
    ranks.uri = str(output)
    BaselineEvaluator.test_call(
        examples=artifact,
        baseline_ranks=ranks,
        fit_splits=json.dumps(fit_splits),
        split="test",
        options=json.dumps({"names": ["popularity", "sequential_rules"]}),
    )


def test_an_empty_evaluation_split_gives_a_table_without_rows(
    empty_test_split: Path, tmp_path: Path, capsys: Any
) -> None:
    _do(empty_test_split, tmp_path / "out", ["train"])

    table = pq.read_table(tmp_path / "out" / "ranks.parquet")
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["popularity"]
    of_steps, of_ranks = list(COLUMNS.values())[:5], [pa.int32()] * 4
    assert (table.num_rows, table.schema.types) == (0, [*of_steps, *of_ranks])
    assert (found["honest/all/n"], found["honest/all/recall@20"]) == (0, None)
    lines = [line for line in capsys.readouterr().out.splitlines() if "popularity" in line]
    assert "known/all/recall@20 -" in lines[0] and "0 steps" in lines[0]


def test_splits_without_training_sessions_are_refused(
    empty_test_split: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="train_sessions hold no event"):
        _do(empty_test_split, tmp_path / "out", ["test"])
