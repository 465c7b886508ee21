"""The arguments of a training as a file, for workers in other processes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

_FIELDS = (
    *("working_dir", "train_files", "eval_files", "transform_output", "serving_model_dir"),
    *("model_run_dir", "base_model", "hyperparameters", "custom_config"),
)


# They differ between two attempts of one training.
_OUTPUTS = ("working_dir", "serving_model_dir", "model_run_dir")


def job_digest(fn_args: FnArgs) -> str:
    """Returns a digest of a training's input, which all attempts of it have in common."""
    fields = {name: value for name, value in _fields(fn_args).items() if name not in _OUTPUTS}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _fields(fn_args: FnArgs) -> dict[str, Any]:
    return {name: getattr(fn_args, name) for name in _FIELDS}


def write_job(fn_args: FnArgs, path: str) -> None:
    """Writes what `modules.trainer.run_fn` takes of TFX's arguments."""
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(_fields(fn_args)))


def read_job(path: str) -> FnArgs:
    """Reads what `write_job` wrote."""
    with tf.io.gfile.GFile(path) as file:
        return FnArgs(**json.load(file))
