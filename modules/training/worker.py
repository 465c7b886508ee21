"""One of several workers of a training: `python -m modules.training.worker JOB`.

`JOB` is a file of `write_job`. `TF_CONFIG` says which worker this is; every worker runs this, the
chief too, and the chief writes the model.
"""

from __future__ import annotations

import json
import sys

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


def main(path: str) -> None:
    """Trains as one of the workers that `TF_CONFIG` names."""
    from modules.trainer import train

    train(read_job(path))


if __name__ == "__main__":
    main(sys.argv[1])
