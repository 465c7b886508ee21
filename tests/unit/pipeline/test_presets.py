from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pipeline.config import PRESETS, Config, load_config
from pipeline.data_files import DataPaths

NAMES = sorted(file.stem for file in PRESETS.glob("*.yaml"))
ISSUE_2 = {"sample", "retailrocket", "yoochoose", "notebook"}


def _load(name: str, folder: Path) -> Config:
    """Loads a preset with empty files of its own names."""
    data = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())["data"]
    for split in ("train", "eval", "test"):
        if data.get(split):
            (folder / data[split]).write_text("")
    if "daily" in data:
        (folder / "clicks-2015-09-04.tsv").write_text("")
    return load_config(name, data=DataPaths(folder=str(folder)))


def _head(name: str) -> str:
    lines = (PRESETS / f"{name}.yaml").read_text().splitlines()
    end = next(row for row, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(lines[:end])


def test_the_presets_that_users_are_promised_exist() -> None:
    assert set(NAMES) >= ISSUE_2


@pytest.mark.parametrize("name", NAMES)
def test_is_usable(name: str, tmp_path: Path) -> None:
    config = _load(name, tmp_path)
    assert config.name == name
    assert config.data.daily or config.data.train != config.data.test


@pytest.mark.parametrize("name", NAMES)
def test_head_comment_has_command_time_and_result(name: str) -> None:
    head = _head(name)
    for entry in ("command:", "run time:", "result:"):
        assert entry in head, f"{name}.yaml: its head comment lacks {entry!r}"
    assert "make run" in head or "make day" in head
    assert not re.search(r":\s+[A-Z]{4,}$", head, re.M), "a placeholder"


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_requires_more_than_popularity(name: str, tmp_path: Path) -> None:
    """One that asked for popularity alone blessed and pushed a model far below simple rules."""
    gate = _load(name, tmp_path).gate
    assert {"popularity", "sequential_rules"} <= set(gate.beat_baselines)
    assert set(gate.beat_metrics) >= {"honest/all/recall@20", "honest/all/mrr@20"}


def test_notebook_is_the_references_configuration(tmp_path: Path) -> None:
    config = _load("notebook", tmp_path)
    assert (config.features.max_context, config.features.targets) == (10, "last")
    assert (config.model.embedding_dim, config.model.gru_units) == (32, 32)
    assert not config.model.shared_embedding
    assert not config.model.normalize
    assert config.model.copy_lags == 0
    assert config.model.embedding_dropout == config.model.output_dropout == 0
    trainer = config.trainer
    assert (trainer.optimizer, trainer.learning_rate) == ("adagrad", 0.1)
    assert (trainer.loss, trainer.reduction) == ("in_batch", "sum")
    assert (trainer.batch_targets, trainer.max_epochs) == (5000, 100)
    assert trainer.early_stopping_patience is None
    assert not trainer.reversed_sessions
    # Mended: whole sessions are sampled if any are, equal items of a batch are no negatives.
    assert config.sessions.sample_fraction == 1
    assert trainer.remove_accidental_hits
