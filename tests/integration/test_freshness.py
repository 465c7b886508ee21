"""`benchmarks/freshness.py` replays sessions in time order, with a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.freshness import (
    DAY_MS,
    Session,
    Trained,
    clicks_of,
    known_steps,
    metrics,
    replay,
    write_log,
)
from modules.evaluation.ranks import UNRANKED
from modules.files.learned_data import read_learned
from modules.sessions.examples import ExampleEncoder
from serving.click_refresh import ClickRefresher, Limits

HOUR = 3_600_000


@pytest.fixture(scope="module")
def model(trained: Any) -> Path:
    folder: Path = trained.folder / "model"
    return folder


@pytest.fixture(scope="module")
def known(sample: Any) -> list[bytes]:
    ids: list[bytes] = sample.vocabulary().item_ids[:20].tolist()
    return ids


@pytest.fixture(scope="module")
def at(model: Path):
    """Makes sessions whose clicks come a minute apart, from some hours after the training on."""
    learned = read_learned(str(model))
    assert learned
    encoder = ExampleEncoder()

    def session(hours: float, *items: bytes) -> Session:
        first = learned.last_event + 1 + round(hours * HOUR)
        times = first + 60_000 * np.arange(len(items))
        example = encoder.encode(b"s", first, items, times.tolist())
        return Session(example, list(items), times)

    return session


def test_no_click_is_used_before_it_happened(model: Path, known: list[bytes], at: Any) -> None:
    sessions = [
        at(0.1, known[0], b"new"),
        at(0.5, known[0], b"new"),  # before the first refresh
        at(1.5, known[0], b"new"),
        at(3.5, known[0], b"planted"),
        at(5.5, known[0], b"planted"),
    ]
    without = replay([Trained(0, model)], sessions, HOUR).rank
    assert (without[[0, 1, 3, 4], 0] == UNRANKED).tolist() == [True, True, True, False]
    assert without[2, 0] < UNRANKED

    planted = [*sessions, at(2.6, known[0], b"planted"), at(4.5, known[1], b"planted")]
    ranks = replay([Trained(0, model)], planted, HOUR).rank
    assert ranks[:3].tolist() == without[:3].tolist()
    assert ranks[3, 0] < UNRANKED  # what was clicked an hour before is known


def test_without_refreshes_it_is_the_models_own_evaluation(
    model: Path, known: list[bytes], at: Any
) -> None:
    sessions = [at(0, *known[:5]), at(30, known[3], b"new", b"new", known[4])]
    ranks = replay([Trained(0, model)], sessions, None)
    assert (ranks.rank > 0).sum(axis=1).tolist() == [4, 3]
    assert ranks.without[1, 1] == UNRANKED and ranks.rank[1, 1] < UNRANKED
    counts = known_steps(sessions, frozenset(known))
    assert counts.tolist() == [[1, 1, 1, 1], [0, 0, 1, 0]]
    found = metrics(ranks.rank, counts, ranks.without)
    assert found["new targets found"] == np.mean([False, ranks.rank[1, 1] <= 20])


def test_each_step_is_evaluated_by_the_model_of_its_time(
    model: Path, trained: Any, known: list[bytes], at: Any, tmp_path: Path
) -> None:
    """A model that serves later, here a refreshed one, answers later steps alone."""
    sessions = [
        at(0, known[0], b"new"),
        at(23.99, known[0], b"new", b"new"),
        at(30, b"new", known[1]),
    ]
    refresher = ClickRefresher(model, Limits())
    refresher.write_copy(clicks_of(sessions[:1]), tmp_path / "later")
    first = int(sessions[0].times[0])
    models = [Trained(first, model), Trained(first + DAY_MS, tmp_path / "later")]
    ranks = replay(models, sessions, None).without
    assert ranks[0, 0] == ranks[1, 0] == UNRANKED  # of the first model
    assert ranks[1, 1] < UNRANKED  # the second click is of the second day


def test_a_log_ends_before_its_day(at: Any, tmp_path: Path) -> None:
    sessions = [at(0, b"a", b"b"), at(24.5, b"c")]
    write_log(sessions, int(sessions[0].times[1]), tmp_path / "log.tsv")
    lines = (tmp_path / "log.tsv").read_text().splitlines()
    assert lines == ["SessionId\tItemId\tTime", f"0\ta\t{sessions[0].times[0]}"]
