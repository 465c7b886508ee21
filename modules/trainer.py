"""Trainer's run_fn: chooses the number of epochs on `eval`, refits, and exports the SavedModel."""

from __future__ import annotations

import hashlib
import os
import tempfile

import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from modules.data import batching
from modules.data.vocabulary import VOCABULARY_NAME, read_vocabulary
from modules.files.file_digests import file_digest
from modules.files.model_metadata import ITEM_LIST, write_manifest
from modules.model.tf_keras_compat import exempt_keras_from_autograph
from modules.serving import recommender
from modules.serving.reference_predictions import write_answers
from modules.training.fitting import choose_and_refit
from modules.training.library_versions import versions
from modules.training.run_context import Job, input_files, read_job
from modules.training.selection_record import write_choices


def run_fn(fn_args: FnArgs) -> None:
    """Trains and exports the model; TFX calls this.

    Args:
      fn_args: `train_files` and `eval_files` hold Transform's windows; `custom_config` has the
        option classes' fields under `features`, `model` and `trainer`, the `checkpoint_folder` and
        the `source_digest` of this code.
    """
    exempt_keras_from_autograph()
    train_files, eval_files = map(input_files, (fn_args.train_files, fn_args.eval_files))
    job = read_job(fn_args, train_files, eval_files)
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    known_items = transform_output.vocabulary_file_by_name(VOCABULARY_NAME)
    vocabulary = read_vocabulary(known_items, job.features)
    fitted = choose_and_refit(job, vocabulary, train_files, eval_files)
    model, seen = fitted.model.for_serving(), fitted.scalars.seen
    folder = fn_args.serving_model_dir
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary_file = os.path.join(scratch, ITEM_LIST)
        recommender.export(
            model,
            vocabulary,
            job.features.max_context,
            vocabulary_file,
            folder,
            seen,
        )
    write_choices(folder, fitted.epochs, fitted.scalars, fitted.recall, fitted.mrr)
    for contexts, _ in batching.window_chunks(eval_files, job.features.max_context).take(1):
        write_answers(model, vocabulary, contexts.numpy(), seen, folder)
    write_manifest(folder, learned_from(job, known_items))
    job.forget_progress()


def learned_from(job: Job, vocabulary_file: str) -> str:
    """Returns a digest of all that decides what the model is like, but for the machine."""
    parts = [job.digest, file_digest(vocabulary_file).sha256, *sorted(versions().items())]
    return hashlib.sha256(repr(parts).encode()).hexdigest()
