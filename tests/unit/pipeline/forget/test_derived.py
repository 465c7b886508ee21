"""What nodes made of forgotten sessions, each without them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.evaluation.rank_table import from_parquet
from pipeline.forget.derived import (
    CHECKPOINTS,
    RANKS,
    REJECTS,
    RESULTS,
    STATISTICS,
    changed_artifacts,
)
from pipeline.forget.plan import Change
from pipeline.forget.sessions import find_forgotten
from tests import forgettable_out as made


@pytest.fixture
def changes(tmp_path: Path) -> Callable[..., list[Change]]:
    """Writes Examples and other files; returns the changes of these files."""

    def find(*writers: Callable[[Path], Path]) -> list[Change]:
        made.examples(tmp_path)
        for write in writers:
            write(tmp_path)
        return list(changed_artifacts(tmp_path, find_forgotten(tmp_path, made.IDS)))

    return find


def test_windows_and_their_vocabulary_go(changes: Callable[..., list[Change]]) -> None:
    found = changes(made.transformed)
    assert [change.kind for change in found] == [RESULTS, RESULTS]
    names = [change.path.parent.name for change in found]
    assert names == ["transformed_examples", "transform_graph"]
    assert all(change.path.name == "2" and change.content is None for change in found)


def test_windows_of_other_sessions_stay(tmp_path: Path) -> None:
    made.examples(tmp_path)
    made.transformed(tmp_path)
    found = find_forgotten(tmp_path, made.IDS)
    others = [visit._replace(times=(5, 6, 7)) for visit in found.visits]
    assert not list(changed_artifacts(tmp_path, found._replace(visits=tuple(others))))


def test_values_of_statistics_go(changes: Callable[..., list[Change]]) -> None:
    (change,) = changes(made.statistics)
    assert (change.kind, change.removed) == (STATISTICS, 6)
    for name in (*made.IDS, made.ORPHAN):
        assert name in change.path.read_bytes() and name not in (change.content or name)
    assert b"other-3" in (change.content or b"") and b"gloves" in (change.content or b"")


def test_steps_of_rank_tables_go(changes: Callable[..., list[Change]]) -> None:
    (change,) = changes(made.ranks)
    assert (change.kind, change.removed) == (RANKS, 3)
    assert change.content is not None
    assert from_parquet(change.content).session_ids.tolist() == [b"other-3", b"other-4"]


def test_rejected_rows_go(changes: Callable[..., list[Change]]) -> None:
    found = changes(made.rejects)
    assert [(change.kind, change.removed) for change in found] == [(REJECTS, 1)] * 3
    for change in found:
        content = (change.content or b"").decode()
        assert "secret-1" not in content and "other-3" in content
        json.loads(content)


def test_results_and_checkpoints_are_removed_as_a_whole(
    changes: Callable[..., list[Change]], tmp_path: Path
) -> None:
    evaluation = made.artifact(tmp_path, "Evaluator/evaluation")
    ranks = made.artifact(tmp_path, "BaselineEvaluator/baseline_ranks")
    checkpoint = tmp_path / "checkpoints" / "digest"
    checkpoint.mkdir(parents=True)
    assert [(change.kind, change.path, change.content) for change in changes()] == [
        (RESULTS, evaluation, None),
        (RESULTS, ranks, None),
        (CHECKPOINTS, checkpoint, None),
    ]


def test_results_stay_if_no_example_holds_the_sessions(tmp_path: Path) -> None:
    made.artifact(tmp_path, "Evaluator/evaluation")
    assert not list(changed_artifacts(tmp_path, find_forgotten(tmp_path, made.IDS)))
