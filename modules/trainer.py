"""Trainer's run_fn: selects the number of epochs on `eval`, refits, and exports the SavedModel.

Of several workers that train one model, each runs `python -m modules.trainer JOB`; `TF_CONFIG` says
which of them it is, and JOB is a file of `modules.training.job_file`.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile

import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from modules.cluster_jobs import WORKER_JOB
from modules.data import batching
from modules.data.item_indices import PADDING
from modules.data.vocabulary import VOCABULARY_NAME, Vocabulary, read_vocabulary
from modules.files.file_digests import file_digest
from modules.files.learned_data import write_learned
from modules.files.model_folder import ITEM_LIST, write_manifest
from modules.model.feature_vectors import FeatureVectors, write_feature_vectors
from modules.model.item_features import ItemFeatures
from modules.model.tf_keras_compat import exempt_keras_from_autograph
from modules.serving import recommender
from modules.serving.reference_predictions import (
    reference_sessions,
    write_reference_predictions,
)
from modules.serving.warmup_requests import write_warmup_requests
from modules.training import kept_weights, local_workers, workers
from modules.training.fitting import FitResult, catalogue_ids, select_and_refit
from modules.training.job_file import job_digest, read_job, write_job
from modules.training.learned_data import learned_data
from modules.training.library_versions import versions
from modules.training.model_start import start_of
from modules.training.selection_record import Origin, write_selection
from modules.training.state_files import write_state
from modules.training.training_run import (
    TrainingRun,
    input_files,
    read_item_features,
    read_training_run,
)
from modules.training.training_state import capture


def run_fn(fn_args: FnArgs) -> None:
    """Trains and exports the model; TFX calls this.

    Args:
      fn_args: `train_files` and `eval_files` hold Transform's windows; `custom_config` has options
        under `features`, `model` and `trainer`, a `checkpoint_folder` and a `source_digest`, and
        with `model.item_features` what `modules.training.training_run` says; `base_model`, if any,
        is the output of the node BaseModel.
    """
    processes = fn_args.custom_config["trainer"]["workers"]
    if WORKER_JOB in fn_args.custom_config:
        train_on_cluster(fn_args)
    elif processes > 1 and workers.count() == 1:
        local_workers.train(fn_args, processes)
    else:
        train(fn_args)


def train_on_cluster(fn_args: FnArgs) -> None:
    """Trains in the pods of a TFJob, which read their arguments from a file that all can reach.

    Args:
      fn_args: arguments of `run_fn`; all paths are on storage that the pods share.
    """
    from modules.cluster_jobs import tf_job  # its client of clusters takes a second to import

    config = fn_args.custom_config
    # An attempt of the same training finds the job that a killed one left, and no other does.
    name = f"trainer-{job_digest(fn_args)[:10]}"
    job = os.path.join(config["checkpoint_folder"], f"{name}.json")
    cluster = tf_job.this_cluster()
    tf.io.gfile.makedirs(config["checkpoint_folder"])
    write_job(fn_args, job)
    try:
        tf_job.run(config[WORKER_JOB], name, [job], cluster)
    finally:
        tf.io.gfile.remove(job)


def train(fn_args: FnArgs) -> None:
    """Trains in this process, which may be one of several workers; the chief exports the model.

    Args:
      fn_args: arguments of `run_fn`.
    """
    exempt_keras_from_autograph()
    workers.strategy()
    train_files, eval_files = map(input_files, (fn_args.train_files, fn_args.eval_files))
    run = read_training_run(fn_args, train_files, eval_files)
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    known_items = transform_output.vocabulary_file_by_name(VOCABULARY_NAME)
    vocabulary = read_vocabulary(known_items, run.features)
    features = read_item_features(fn_args, run.model, catalogue_ids(vocabulary))
    if features is not None:
        run = run.after(features.digest())
    learned = learned_data(run, len(vocabulary.item_ids), train_files, eval_files)
    start = start_of(run, fn_args.base_model, learned.last_start, eval_files)
    run = run.after(start.digest)
    fitted = select_and_refit(
        run,
        vocabulary,
        train_files,
        eval_files,
        state=start.state,
        kept=start.selection,
        features=features,
    )
    workers.wait_for_all()  # the chief may remove what the others read
    if workers.is_chief():
        export(fn_args, run, fitted, vocabulary, start.origin, features)
        write_learned(fn_args.serving_model_dir, learned)
        write_manifest(fn_args.serving_model_dir, learned_from(run, known_items))
        run.forget_progress()
    workers.wait_for_all()  # the chief needs the others as long as it has their variables


def export(
    fn_args: FnArgs,
    run: TrainingRun,
    fitted: FitResult,
    vocabulary: Vocabulary,
    origin: Origin,
    features: ItemFeatures | None = None,
) -> None:
    """Writes the SavedModel and what its checks and its users need beside it.

    Args:
      fn_args: arguments of `run_fn`.
      run: options and folders.
      fitted: the trained model.
      vocabulary: all known items.
      origin: where the training started from.
      features: properties of its items; None for none.
    """
    folder = fn_args.serving_model_dir
    of_features = fitted.model.feature_vectors()  # whose sums serving has in the tables
    if run.trainer.warm_start:
        state = capture(fitted.model, catalogue_ids(vocabulary), run.model)
        write_state(state, kept_weights.beside(folder))
    model, seen = fitted.model.for_serving(), fitted.selection.adjustments.seen
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary_file = os.path.join(scratch, ITEM_LIST)
        recommender.export(
            model,
            vocabulary,
            run.features.max_context,
            vocabulary_file,
            folder,
            seen,
            own_items=run.trainer.own_session_items,
        )
    if features is not None:
        shape = (run.model.ensemble_size, run.model.normalize)
        write_feature_vectors(folder, FeatureVectors(features, of_features, *shape))
    write_selection(folder, fitted.selection, origin)
    eval_files = input_files(fn_args.eval_files)
    for windows in batching.window_chunks(eval_files, run.features.max_context).take(1):
        padded = windows.to_tensor(PADDING, shape=[None, run.features.max_context + 1])
        contexts, _ = batching.cut_steps(padded, run.features.targets)
        write_reference_predictions(
            model.catalogue_scores, vocabulary, contexts.numpy(), seen, folder
        )
    write_warmup_requests(folder, reference_sessions(folder))


def learned_from(run: TrainingRun, vocabulary_file: str) -> str:
    """Returns a digest of everything but the machine that the model depends on."""
    parts = [run.digest, file_digest(vocabulary_file).sha256, *sorted(versions().items())]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


if __name__ == "__main__":
    if local_workers.END_WITH_STDIN in sys.argv:
        local_workers.end_with_stdin()
    train(read_job(sys.argv[1]))
