"""The arguments of a training as a file, for workers in other processes."""

from __future__ import annotations

import json

import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

_FIELDS = (
    *("working_dir", "train_files", "eval_files", "transform_output", "serving_model_dir"),
    *("model_run_dir", "base_model", "hyperparameters", "custom_config"),
)


def write_job(fn_args: FnArgs, path: str) -> None:
    """Writes what `modules.trainer.run_fn` takes of TFX's arguments."""
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps({name: getattr(fn_args, name) for name in _FIELDS}))


def read_job(path: str) -> FnArgs:
    """Reads what `write_job` wrote."""
    with tf.io.gfile.GFile(path) as file:
        return FnArgs(**json.load(file))
