"""Tuner's tuner_fn: searches options of model and trainer on split eval.

KerasTuner's own tuners build and save models of another Keras than TensorFlow Recommenders uses; a
custom tuner with the same oracles runs whole training runs instead.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import keras_tuner
import tensorflow_transform as tft
from keras_tuner.engine import base_tuner
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from modules.config.fields import from_json
from modules.config.options.tuner import TunerOptions
from modules.data.scratch import scratch_folder
from modules.data.vocabulary import VOCABULARY_NAME, read_vocabulary
from modules.evaluation.selection_metric import selection_score
from modules.model.tf_keras_compat import exempt_keras_from_autograph
from modules.training.fitting import TrainingData, catalogue_ids, select, selection_data
from modules.training.training_run import (
    TrainingRun,
    input_files,
    read_item_features,
    read_training_run,
    with_hyperparameters,
)

OBJECTIVE = "selection_score"


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Returns the search, which TFX runs; its best values are kept.

    Args:
      fn_args: as for Trainer's `run_fn`; `custom_config` also has options under `tuner`.
    """
    exempt_keras_from_autograph()
    train_files, eval_files = map(input_files, (fn_args.train_files, fn_args.eval_files))
    run = read_training_run(fn_args, train_files, eval_files)
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    vocabulary = read_vocabulary(
        transform_output.vocabulary_file_by_name(VOCABULARY_NAME), run.features
    )
    features = read_item_features(fn_args, run.model, catalogue_ids(vocabulary))
    if features is not None:
        run = run.after(features.digest())
    read = functools.partial(
        selection_data, run, vocabulary, train_files, eval_files, features=features
    )
    tuner = SessionTuner(run, read, from_json(TunerOptions, fn_args.custom_config["tuner"]))
    return TunerFnResult(tuner=tuner, fit_kwargs={"verbose": 0})


class SessionTuner(base_tuner.BaseTuner):
    """Runs one whole training run per trial, evaluated by `selection_score`.

    A killed search resumes with the trial at which it was killed.
    """

    def __init__(
        self, run: TrainingRun, read: Callable[[str], TrainingData], options: TunerOptions
    ) -> None:
        """Creates the oracle.

        Args:
          run: options that are not searched, and folders.
          read: reads training and evaluation data, given a local folder that is kept for the
            search.
          options: options of the search.
        """
        self._run, self._read, self._trials = run, read, options.num_trials
        self._windows: TrainingData | None = None
        place = {"directory": run.checkpoints, "project_name": "search"}
        try:
            super().__init__(_oracle(options, run.trainer.seed), **place)
        except Exception as error:  # Damaged files raise many types.
            print(f"    the interrupted search's files are damaged, it starts again: {error}")
            run.forget_progress()
            super().__init__(_oracle(options, run.trainer.seed), **place)

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Runs all trials, then removes the files to resume from."""
        with scratch_folder() as scratch:
            self._windows = self._read(scratch)
            super().search(*fit_args, **fit_kwargs)
        self._run.forget_progress()

    def run_trial(self, trial: Any, verbose: int) -> dict[str, float]:
        """Trains and evaluates a model with the trial's values."""
        assert self._windows is not None
        number, values = len(self.oracle.trials), trial.hyperparameters.values
        print(f"    trial {number}/{self._trials}  {_named(values)}", flush=True)
        name = os.path.join("trials", trial.trial_id)
        selected = select(with_hyperparameters(self._run, values), name, self._windows).selection
        return {OBJECTIVE: float(selection_score(selected.recall, selected.mrr))}

    def search_space_summary(self, extended: bool = False) -> None:
        """Prints nothing: the configuration has it."""

    def results_summary(self, num_trials: int = 10) -> None:
        """Prints the best values."""
        best = self.oracle.get_best_trials(1)[0]
        named = _named(best.hyperparameters.values)
        print(f"    best: {named}  ({OBJECTIVE} {best.score:.4f})", flush=True)


def _named(values: dict[str, Any]) -> str:
    return "  ".join(f"{name} {value}" for name, value in values.items())


def _oracle(options: TunerOptions, seed: int) -> keras_tuner.Oracle:
    """Returns the oracle that selects the values of trials."""
    space = keras_tuner.HyperParameters()
    for name, choices in options.space.items():
        space.Choice(name, list(choices))
    oracle = {
        "random": keras_tuner.oracles.RandomSearchOracle,
        "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    }[options.search]
    return oracle(
        objective=keras_tuner.Objective(OBJECTIVE, "max"),
        max_trials=options.num_trials,
        hyperparameters=space,
        seed=seed,
    )
