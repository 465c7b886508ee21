"""Specification of the IndexBuilder node."""

from __future__ import annotations

import dataclasses
import json

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.index_builder import executor
from modules.config.index import IndexOptions


class IndexBuilderSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of IndexBuilder."""

    PARAMETERS = {  # noqa: RUF012 (TFX's own form)
        executor.SPLIT: component_spec.ExecutionParameter(type=str),
        executor.OPTIONS: component_spec.ExecutionParameter(type=str),
        executor.SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        executor.MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model),
        executor.EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        executor.INFRA_BLESSING: component_spec.ChannelParameter(
            type=standard_artifacts.InfraBlessing, optional=True
        ),
    }
    OUTPUTS = {  # noqa: RUF012
        # Standard types: Kubeflow's entrypoint cannot import types of our own.
        executor.INDEX: component_spec.ChannelParameter(type=standard_artifacts.Model),
        # No ModelBlessing: the model gate's is the only one, by which the last blessed model is
        # found.
        executor.BLESSING: component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing),
        executor.VERDICT: component_spec.ChannelParameter(type=simple_artifacts.Metrics),
    }


class IndexBuilder(base_component.BaseComponent):
    """Builds a model with an approximate index from the exported one, and judges it.

    Both are asked about sessions of the judged split, in turns, in a process of their own. The
    index must find enough of the exact index's best items, and be fast enough.
    """

    SPEC_CLASS = IndexBuilderSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        split: str,
        options: IndexOptions,
        infra_blessing: types.BaseChannel | None = None,
        source_digest: str = "",
    ):
        """Specifies the node.

        Args:
          model: as Trainer exported it.
          examples: as SessionExampleGen writes them.
          split: whose sessions are sent.
          options: of the index and its gate.
          infra_blessing: of the model itself, which must be good too; may be left out.
          source_digest: digest of this node's code, so that TFX's cache sees an edit.
        """
        spec = IndexBuilderSpec(
            model=model,
            examples=examples,
            infra_blessing=infra_blessing,
            split=split,
            options=json.dumps(dataclasses.asdict(options), sort_keys=True),
            source_digest=source_digest,
            index=types.Channel(type=standard_artifacts.Model),
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            index_verdict=types.Channel(type=simple_artifacts.Metrics),
        )
        super().__init__(spec=spec)
