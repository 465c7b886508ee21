"""Trainer's run_fn: chooses the number of epochs on `eval`, refits, and exports the SavedModel."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import dataset, serving
from modules.autograph import exempt_keras_from_autograph
from modules.configuration import FeatureOptions, ModelOptions, TrainerOptions, from_json
from modules.fitting import Job, choose_and_refit
from modules.trainer_answers import write_answers
from modules.vocabulary import VOCABULARY_NAME, read_vocabulary


def run_fn(fn_args: FnArgs) -> None:
    """Trains and exports the model; TFX calls this.

    Args:
      fn_args: `train_files` and `eval_files` hold Transform's windows; `custom_config` has the
        option classes' fields under `features`, `model` and `trainer`, the `checkpoint_folder` and
        the `source_digest` of this code.
    """
    exempt_keras_from_autograph()
    train_files, eval_files = _files(fn_args.train_files), _files(fn_args.eval_files)
    job = _job(fn_args, train_files + eval_files)
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    vocabulary = read_vocabulary(
        transform_output.vocabulary_file_by_name(VOCABULARY_NAME), job.features
    )
    model, seen = choose_and_refit(job, vocabulary, train_files, eval_files)
    model.mix_in_neighbors()
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary_file = os.path.join(scratch, "item_ids.txt")
        serving.export(
            model,
            vocabulary,
            job.features.max_context,
            vocabulary_file,
            fn_args.serving_model_dir,
            seen,
        )
    for contexts, _ in dataset.window_chunks(eval_files, job.features.max_context).take(1):
        write_answers(model, vocabulary, contexts.numpy(), seen, fn_args.serving_model_dir)
    shutil.rmtree(job.checkpoints, ignore_errors=True)


def _files(patterns: Sequence[str]) -> list[str]:
    return sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))


def _job(fn_args: FnArgs, files: Sequence[str]) -> Job:
    config: dict[str, Any] = fn_args.custom_config
    digest = hashlib.sha256(
        json.dumps(
            [config["features"], config["model"], config["trainer"]], sort_keys=True
        ).encode()
    )
    digest.update(config["source_digest"].encode())
    for file in files:
        with tf.io.gfile.GFile(file, "rb") as content:
            digest.update(hashlib.sha256(content.read()).digest())
    return Job(
        from_json(FeatureOptions, config["features"]),
        from_json(ModelOptions, config["model"]),
        from_json(TrainerOptions, config["trainer"]),
        os.path.join(config["checkpoint_folder"], digest.hexdigest()[:16]),
        fn_args.model_run_dir,
    )
