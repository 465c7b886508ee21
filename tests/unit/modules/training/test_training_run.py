"""Options and folders of a training run, and the digest that interrupted ones resume by."""

from __future__ import annotations

import dataclasses
import doctest
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from modules.config.options.features import FeatureOptions
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.windowing import FEATURE
from modules.items.known_names import ITEMS, ITEMS_FILE
from modules.training import training_run
from modules.training.training_run import (
    ID_COLUMN,
    input_files,
    read_item_features,
    read_training_run,
    with_hyperparameters,
)

WINDOWS = [[2, 3, 4], [5, 6, 0]]


def _write(file: Path, windows: Sequence[Sequence[int]]) -> str:
    with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
        for window in windows:
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=window))
            features = tf.train.Features(feature={FEATURE: feature})
            writer.write(tf.train.Example(features=features).SerializeToString())
    return str(file)


@pytest.fixture
def windows(tmp_path: Path) -> str:
    return _write(tmp_path / "windows.gz", WINDOWS)


def _read(files: Sequence[str], values: dict[str, Any] | None = None, **config: Any) -> Any:
    sections = {
        "features": dataclasses.asdict(FeatureOptions(max_context=2)),
        "model": dataclasses.asdict(ModelOptions()),
        "trainer": dataclasses.asdict(TrainerOptions()),
        "checkpoint_folder": "/checkpoints",
        "source_digest": "code",
        **config,
    }
    given = {"values": values} if values else None
    arguments = FnArgs(custom_config=sections, hyperparameters=given, model_run_dir="/logs")
    return read_training_run(arguments, files)


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(training_run)
    assert result.attempted and not result.failed


def test_a_run_has_its_options_and_folders(windows: str) -> None:
    run = _read([windows], {"model.gru_units": 8, "trainer.seed": 3})
    assert run.features == FeatureOptions(max_context=2)
    assert run.model == ModelOptions(gru_units=8)
    assert run.trainer == TrainerOptions(seed=3)
    assert run.checkpoints == f"/checkpoints/{run.digest[:16]}"
    assert run.logs == "/logs"


def test_the_digest_follows_options_code_and_data_and_no_folder(
    windows: str, tmp_path: Path
) -> None:
    digest = _read([windows]).digest
    copied = _write(tmp_path / "other.gz", WINDOWS)
    parts = [_write(tmp_path / f"part{n}.gz", [row]) for n, row in enumerate(WINDOWS)]
    for same in (
        _read([copied]),
        _read(parts),
        _read([windows], checkpoint_folder="/elsewhere"),
        _read([windows], {"trainer.seed": TrainerOptions().seed}),
    ):
        assert same.digest == digest
    others = [
        _read([windows], {"trainer.seed": 7}),
        _read([windows], source_digest="other code"),
        _read([windows], tuner={"enabled": True}),
        _read([_write(tmp_path / "more.gz", [*WINDOWS, [7, 8, 9]])]),
        _read([_write(tmp_path / "less.gz", WINDOWS[:1])]),
    ]
    assert len({digest, *(run.digest for run in others)}) == 1 + len(others)


def test_a_trials_values_replace_options_of_model_and_trainer(windows: str) -> None:
    run = _read([windows])
    trial = with_hyperparameters(run, {"model.copy_lags": 3, "trainer.learning_rate": 0.5})
    assert (trial.model.copy_lags, trial.trainer.learning_rate) == (3, 0.5)
    assert dataclasses.replace(trial, model=run.model, trainer=run.trainer) == run


def test_files_of_all_patterns_are_sorted(tmp_path: Path) -> None:
    for name in ("b-1", "b-0", "a-0", "c"):
        (tmp_path / name).touch()
    found = input_files([f"{tmp_path}/b-*", f"{tmp_path}/a-*", f"{tmp_path}/none-*"])
    assert [Path(file).name for file in found] == ["a-0", "b-0", "b-1"]


def test_only_the_runs_own_progress_is_forgotten(windows: str, tmp_path: Path) -> None:
    run = _read([windows], checkpoint_folder=str(tmp_path / "kept"))
    run.forget_progress()  # there is none yet
    for folder in (Path(run.checkpoints), tmp_path / "kept" / "of-another-run"):
        folder.mkdir(parents=True)
        (folder / "history.json").touch()
    run.forget_progress()
    assert [folder.name for folder in (tmp_path / "kept").iterdir()] == ["of-another-run"]


IDS = np.array([b"b", b"a", b"without", b"c"], object)


@pytest.fixture
def with_items(tmp_path: Path) -> FnArgs:
    table = {"item_id": ["a", "b", "c", "x"], "kind": ["hat", "shoe", "hat", "shoe"]}
    pq.write_table(pa.table(table), tmp_path / ITEMS_FILE)
    return FnArgs(custom_config={ITEMS: str(tmp_path), ID_COLUMN: "sku"})


def test_item_features_are_those_of_the_models_items(
    with_items: FnArgs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the shoes, the model knows one."""
    features = read_item_features(with_items, ModelOptions(item_features=("kind",)), IDS)
    assert features is not None and features.values == (("kind", "hat"),)
    assert features.rows[-4:].ravel().tolist() == [0, 1, 0, 1]
    assert "item feature kind: 1 value of 2 of 4 items" in capsys.readouterr().out


def test_without_item_features_nothing_is_read() -> None:
    assert read_item_features(FnArgs(custom_config={}), ModelOptions(), IDS) is None
