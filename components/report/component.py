"""Specification of the Report node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.report import executor
from components.report.templates import template_digest


def _optional(artifact_type: type[types.Artifact]) -> component_spec.ChannelParameter:
    return component_spec.ChannelParameter(type=artifact_type, optional=True)


class ReportSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Report."""

    PARAMETERS = {  # noqa: RUF012 (TFX's own form)
        executor.CONFIG: component_spec.ExecutionParameter(type=str),
        executor.CODE_DIGEST: component_spec.ExecutionParameter(type=str),
        executor.PAGE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        executor.VERDICT: _optional(simple_artifacts.Metrics),
        executor.EXAMPLES: _optional(standard_artifacts.Examples),
        executor.DATA_REPORT: _optional(simple_artifacts.Metrics),
        executor.TRANSFORM_GRAPH: _optional(standard_artifacts.TransformGraph),
        executor.MODEL: _optional(standard_artifacts.Model),
        executor.MODEL_RUN: _optional(standard_artifacts.ModelRun),
        executor.SERVING_REPORT: _optional(simple_artifacts.Metrics),
    }
    OUTPUTS = {  # noqa: RUF012
        # A standard type: Kubeflow's entrypoint cannot import types of our own.
        executor.PAGE: component_spec.ChannelParameter(type=simple_artifacts.File),
    }


class Report(base_component.BaseComponent):
    """Writes a run's page: verdict, figures, data, configuration and lineage in one HTML file.

    Its output `page` holds `report.html`, which needs no other file, and `training_curves.svg`. No
    input is needed and none can make it fail: what cannot be shown is named on the page.
    """

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        config: Mapping[str, Any],
        verdict: types.BaseChannel | None = None,
        examples: types.BaseChannel | None = None,
        data_report: types.BaseChannel | None = None,
        transform_graph: types.BaseChannel | None = None,
        model: types.BaseChannel | None = None,
        model_run: types.BaseChannel | None = None,
        serving_report: types.BaseChannel | None = None,
        code_digest: str = "",
    ):
        """Specifies the node.

        Args:
          config: the run's configuration, as plain values.
          verdict: output of ModelGate.
          examples: as SessionExampleGen writes them.
          data_report: output `report` of DataGate.
          transform_graph: of Transform; its vocabulary is shown.
          model: the candidate, asked about example sessions.
          model_run: of Trainer, with its summaries for TensorBoard.
          serving_report: output `report` of ServingValidator.
          code_digest: of the code that made what is shown; shown, and TFX's cache sees an edit.
        """
        spec = ReportSpec(
            config=json.dumps(config),
            code_digest=code_digest,
            page_digest=template_digest(),
            verdict=verdict,
            examples=examples,
            data_report=data_report,
            transform_graph=transform_graph,
            model=model,
            model_run=model_run,
            serving_report=serving_report,
            page=types.Channel(type=simple_artifacts.File),
        )
        super().__init__(spec=spec)
