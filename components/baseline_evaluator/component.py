"""Specification of the BaselineEvaluator node.

It fits simple recommenders (`modules/baselines/registry.py`) on the sessions that the model learns
from and ranks the target of every step of the judged split with each, by the protocol that the
model is judged by. It needs the data alone, so TFX's cache keeps its result while models change.

Its output, of the standard type `Metrics`, holds two files:

* `ranks.parquet`: a row per step; the columns are those of `rank_table.py`. A comparison joins it
  with a model's ranks on session id and step.
* `metrics.json`: by the baseline's name, every metric and count of steps of
  `modules/evaluation/metrics.py` by full name (null over no step), and `fit_seconds` and
  `judge_seconds`.

A judged split without a session gives a table without rows, for others to refuse; training splits
without one are an error.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.baseline_evaluator import executor
from modules.config.baselines import BaselineOptions


class BaselineEvaluatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of BaselineEvaluator."""

    PARAMETERS = {  # noqa: RUF012 (TFX's own form)
        executor.FIT_SPLITS: component_spec.ExecutionParameter(type=str),
        executor.JUDGED_SPLIT: component_spec.ExecutionParameter(type=str),
        executor.OPTIONS: component_spec.ExecutionParameter(type=str),
        executor.SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        executor.EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {  # noqa: RUF012
        # A standard type: Kubeflow's entrypoint cannot import types of our own.
        executor.BASELINE_RANKS: component_spec.ChannelParameter(type=simple_artifacts.Metrics),
    }


class BaselineEvaluator(base_component.BaseComponent):
    """Ranks the judged split's targets with simple recommenders."""

    SPEC_CLASS = BaselineEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        fit_splits: Sequence[str],
        judged_split: str,
        options: BaselineOptions,
        source_digest: str = "",
    ):
        """Specifies the node.

        Args:
          examples: one tf.Example per session, as SessionExampleGen writes them.
          fit_splits: splits that the baselines are fitted on: those that the model learns from.
          judged_split: the split whose steps are ranked.
          options: which baselines, with which settings.
          source_digest: digest of the node's code, so that TFX's cache sees an edit.
        """
        spec = BaselineEvaluatorSpec(
            examples=examples,
            fit_splits=json.dumps(list(fit_splits)),
            judged_split=judged_split,
            options=json.dumps(dataclasses.asdict(options), sort_keys=True),
            source_digest=source_digest,
            baseline_ranks=types.Channel(type=simple_artifacts.Metrics),
        )
        super().__init__(spec=spec)
