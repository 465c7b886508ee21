"""Options and folders of one run of Trainer or Tuner, read from TFX's arguments."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.config.fields import from_json
from modules.config.options.features import FeatureOptions
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.data.batching import window_chunks, windows_digest
from modules.items.known_names import ITEMS, values_by_column
from modules.model.item_features import ItemFeatures, describe, encode
from modules.sessions.feature_names import WEIGHTED

if TYPE_CHECKING:  # training itself needs no TFX, which takes seconds to import
    from tfx.components.trainer.fn_args_utils import FnArgs

SEARCHED_SECTIONS = ("model", "trainer")
ID_COLUMN = "item_id_column"


@dataclasses.dataclass(frozen=True)
class TrainingRun:
    """Options and folders of one run.

    Attributes:
      features: options of Transform.
      model: options of the towers.
      trainer: options of the training.
      digest: digest of data, options and code.
      checkpoints: folder for resuming an interrupted run, named by the digest.
      logs: folder for TensorBoard.
      split_digests: digest of the windows of each split.
      weighted: whether events have weights.
    """

    features: FeatureOptions
    model: ModelOptions
    trainer: TrainerOptions
    digest: str
    checkpoints: str
    logs: str
    split_digests: tuple[str, ...] = ()
    weighted: bool = False

    def after(self, start: str) -> TrainingRun:
        """Returns the run with a digest, and so checkpoints, that also depend on its start.

        Args:
          start: digest of what it takes over from an earlier model; "" for nothing.
        """
        if not start:
            return self
        digest = hashlib.sha256(f"{self.digest} {start}".encode()).hexdigest()
        return dataclasses.replace(
            self, digest=digest, checkpoints=_checkpoints(os.path.dirname(self.checkpoints), digest)
        )

    def forget_progress(self) -> None:
        """Removes the checkpoints."""
        if tf.io.gfile.exists(self.checkpoints):
            tf.io.gfile.rmtree(self.checkpoints)


def input_files(patterns: Sequence[str]) -> list[str]:
    """Returns the files that match TFX's patterns, sorted."""
    return sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))


def read_training_run(fn_args: FnArgs, *splits: Sequence[str]) -> TrainingRun:
    """Reads the options and folders of a run.

    Args:
      fn_args: arguments of Trainer or Tuner. `custom_config` has the fields of the option classes
        under `features`, `model` and `trainer`, Tuner's also under `tuner`, the `checkpoint_folder`
        and the `source_digest` of the code, and `weighted` if events have weights; values in
        `hyperparameters`, named `section.field`, override them.
      *splits: files of windows that training depends on, for each split.
    """
    config = fn_args.custom_config
    sections = {name: dict(config[name]) for name in ("features", *SEARCHED_SECTIONS)}
    sections = overlay(sections, (fn_args.hyperparameters or {}).get("values", {}))
    options = {**sections, "tuner": config.get("tuner")}
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    digest.update(config["source_digest"].encode())
    features = from_json(FeatureOptions, sections["features"])
    weighted = bool(config.get(WEIGHTED))
    split_digests = tuple(
        windows_digest(window_chunks(of_split, features.max_context, weighted))
        for of_split in splits
    )
    for of_split in split_digests:
        digest.update(of_split.encode())
    return TrainingRun(
        features,
        from_json(ModelOptions, sections["model"]),
        from_json(TrainerOptions, sections["trainer"]),
        digest.hexdigest(),
        _checkpoints(config["checkpoint_folder"], digest.hexdigest()),
        fn_args.model_run_dir or fn_args.working_dir,
        split_digests,
        weighted,
    )


def read_item_features(
    fn_args: FnArgs, options: ModelOptions, item_ids: npt.NDArray[np.object_]
) -> ItemFeatures | None:
    """Returns the properties of the model's items, and prints what they are; None for none.

    Args:
      fn_args: arguments of Trainer or Tuner; `custom_config` has the folder of ItemGen's output
        under `ITEMS`, and under `ID_COLUMN` the name of the column of ids in the files.
      options: columns of the properties.
      item_ids: ids of the model's items, bytes `[items]`.
    """
    if not options.item_features:
        return None
    config = fn_args.custom_config
    columns = values_by_column(
        config[ITEMS], options.item_features, config[ID_COLUMN], item_ids.tolist()
    )
    features = encode(columns)
    for line in describe(columns, features):
        print(f"    item feature {line}", flush=True)
    return features


def _checkpoints(folder: str, digest: str) -> str:
    return os.path.join(folder, digest[:16])


def with_hyperparameters(run: TrainingRun, values: Mapping[str, Any]) -> TrainingRun:
    """Returns the run with other options of model and trainer, by `section.field`."""
    sections = {name: dataclasses.asdict(getattr(run, name)) for name in SEARCHED_SECTIONS}
    sections = overlay(sections, values)
    return dataclasses.replace(
        run,
        model=from_json(ModelOptions, sections["model"]),
        trainer=from_json(TrainerOptions, sections["trainer"]),
    )


def overlay(
    sections: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Returns sections whose values are overridden by those named `section.field`.

    >>> overlay({"model": {"gru_units": 64, "copy_lags": 10}}, {"model.gru_units": 32})
    {'model': {'gru_units': 32, 'copy_lags': 10}}
    """
    result = {name: dict(section) for name, section in sections.items()}
    for name, value in values.items():
        section, field = name.split(".", 1)
        result[section][field] = value
    return result
