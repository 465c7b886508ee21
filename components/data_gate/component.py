"""Specification of the DataGate node."""

from __future__ import annotations

import dataclasses
import json

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.data_gate import executor
from modules.config.checks import CheckOptions


class DataGateSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of DataGate."""

    PARAMETERS = {  # noqa: RUF012 (TFX's own form)
        executor.OPTIONS: component_spec.ExecutionParameter(type=str),
        executor.SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        executor.EXAMPLES: component_spec.ChannelParameter(
            type=standard_artifacts.Examples, optional=True
        ),
        executor.STATISTICS: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics
        ),
        executor.ANOMALIES: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleAnomalies
        ),
        executor.SCHEMA: component_spec.ChannelParameter(type=standard_artifacts.Schema),
        executor.PREVIOUS_STATISTICS: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
    }
    OUTPUTS = {  # noqa: RUF012
        # A standard type: Kubeflow's entrypoint cannot import types of our own.
        executor.REPORT: component_spec.ChannelParameter(type=simple_artifacts.Metrics),
    }


class DataGate(base_component.BaseComponent):
    """Stops the pipeline with a readable error when the data are not fit to train on.

    Nothing downstream reads its report, so what must wait for it says so:
    `transform.add_upstream_node(data_gate)`.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        statistics: types.BaseChannel,
        anomalies: types.BaseChannel,
        schema: types.BaseChannel,
        options: CheckOptions,
        previous_statistics: types.BaseChannel | None = None,
        source_digest: str = "",
        examples: types.BaseChannel | None = None,
    ):
        """Specifies the node.

        Args:
          statistics: of this run's data, all splits.
          anomalies: what ExampleValidator found in them.
          schema: of the sessions.
          options: limits.
          previous_statistics: output `statistics` of `accepted_statistics()`; may hold nothing.
          source_digest: digest of the gate's code, so that TFX's cache sees an edit.
          examples: of SessionExampleGen, whose counts tell leaks between splits and wrong times;
            None leaves those checks out.
        """
        spec = DataGateSpec(
            examples=examples,
            statistics=statistics,
            anomalies=anomalies,
            schema=schema,
            previous_statistics=previous_statistics,
            options=json.dumps(dataclasses.asdict(options), sort_keys=True),
            source_digest=source_digest,
            report=types.Channel(type=simple_artifacts.Metrics),
        )
        super().__init__(spec=spec)
