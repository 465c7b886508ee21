"""Specification of the ModelGate node."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.model_gate import executor
from modules.config.evaluation import EvaluationOptions
from modules.config.gate import GateOptions


class ModelGateSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of ModelGate."""

    PARAMETERS = {  # noqa: RUF012 (TFX's own form)
        executor.FIT_SPLITS: component_spec.ExecutionParameter(type=str),
        executor.EVALUATION_OPTIONS: component_spec.ExecutionParameter(type=str),
        executor.OPTIONS: component_spec.ExecutionParameter(type=str),
        executor.SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        executor.EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        executor.EVALUATION: component_spec.ChannelParameter(
            type=standard_artifacts.ModelEvaluation
        ),
        executor.MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model),
        executor.BASELINE_RANKS: component_spec.ChannelParameter(
            type=simple_artifacts.Metrics, optional=True
        ),
        executor.LAST_BLESSED_MODEL: component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
    }
    OUTPUTS = {  # noqa: RUF012
        executor.BLESSING: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        # A standard type: Kubeflow's entrypoint cannot import types of our own.
        executor.VERDICT: component_spec.ChannelParameter(type=simple_artifacts.Metrics),
    }


class ModelGate(base_component.BaseComponent):
    """Decides whether a model may be pushed, and says why.

    Its output `verdict` holds `verdict.json`, and `ranks.parquet`: the rank of every judged step's
    target by candidate, last blessed model and baselines.
    """

    SPEC_CLASS = ModelGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        evaluation: types.BaseChannel,
        model: types.BaseChannel,
        options: GateOptions,
        evaluation_options: EvaluationOptions,
        fit_splits: Sequence[str],
        baseline_ranks: types.BaseChannel | None = None,
        last_blessed_model: types.BaseChannel | None = None,
        source_digest: str = "",
    ):
        """Specifies the node.

        Args:
          examples: of all splits, as SessionExampleGen writes them.
          evaluation: the Evaluator's result for the same model and split.
          model: the candidate.
          options: what it must reach.
          evaluation_options: the judged split and the slices.
          fit_splits: splits that the model learned from; item counts and ages are theirs.
          baseline_ranks: output of BaselineEvaluator; may be left out.
          last_blessed_model: output `model` of a Resolver; may hold nothing.
          source_digest: digest of the gate's code, so that TFX's cache sees an edit.
        """
        spec = ModelGateSpec(
            examples=examples,
            evaluation=evaluation,
            model=model,
            baseline_ranks=baseline_ranks,
            last_blessed_model=last_blessed_model,
            fit_splits=json.dumps(list(fit_splits)),
            evaluation_options=json.dumps(dataclasses.asdict(evaluation_options), sort_keys=True),
            options=json.dumps(dataclasses.asdict(options), sort_keys=True),
            source_digest=source_digest,
            blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            verdict=types.Channel(type=simple_artifacts.Metrics),
        )
        super().__init__(spec=spec)
