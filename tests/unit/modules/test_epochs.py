from __future__ import annotations

import json
from pathlib import Path

import pytest

from modules.epochs import EpochKeeper


def _history(folder: Path, *recalls: float) -> Path:
    epochs = [{"val_recall@20": recall} for recall in recalls]
    (folder / "history.json").write_text(json.dumps(epochs), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("recalls", "best"), [((0.1, 0.3, 0.2), 2), ((0.1, 0.2, 0.2), 2), ((0.4,), 1)]
)
def test_the_best_epoch_survives_a_kill(
    tmp_path: Path, recalls: tuple[float, ...], best: int
) -> None:
    assert EpochKeeper(str(_history(tmp_path, *recalls)), 10, 2).best_epoch == best


def test_without_early_stopping_the_last_epoch_counts(tmp_path: Path) -> None:
    assert EpochKeeper(str(_history(tmp_path, 0.3, 0.1)), 10, None).best_epoch == 2


@pytest.mark.parametrize(
    ("recalls", "epochs", "finished"),
    [((0.1, 0.2), 10, False), ((0.3, 0.2, 0.1), 10, True), ((0.1, 0.2), 2, True), ((), 2, False)],
)
def test_a_finished_fit_is_not_begun_again(
    tmp_path: Path, recalls: tuple[float, ...], epochs: int, finished: bool
) -> None:
    assert EpochKeeper(str(_history(tmp_path, *recalls)), epochs, 2).finished is finished
