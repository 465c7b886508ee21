"""Specification of the ServingValidator node."""

from __future__ import annotations

import dataclasses
import json

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.serving_validator import executor
from modules.config.serving import ServingOptions


class ServingValidatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of ServingValidator."""

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
        executor.BLESSING: component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing),
        # A standard type: Kubeflow's entrypoint cannot import types of our own.
        executor.REPORT: component_spec.ChannelParameter(type=simple_artifacts.Metrics),
    }


class ServingValidator(base_component.BaseComponent):
    """Loads the exported model as a server would, asks it, and writes Pusher's InfraBlessing.

    The process is fresh and has nothing but TensorFlow. The model must answer as the trainer did,
    in good form, equally for raw ids and tf.Examples, and fast enough.
    """

    SPEC_CLASS = ServingValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        split: str,
        options: ServingOptions,
        infra_blessing: types.BaseChannel | None = None,
        source_digest: str = "",
    ):
        """Specifies the node.

        Args:
          model: as Trainer exported it.
          examples: as SessionExampleGen writes them.
          split: whose sessions are sent.
          options: what the model must do.
          infra_blessing: of TFX's InfraValidator, which must be good too; may be left out.
          source_digest: digest of this node's code, so that TFX's cache sees an edit.
        """
        spec = ServingValidatorSpec(
            model=model,
            examples=examples,
            infra_blessing=infra_blessing,
            split=split,
            options=json.dumps(dataclasses.asdict(options), sort_keys=True),
            source_digest=source_digest,
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            report=types.Channel(type=simple_artifacts.Metrics),
        )
        super().__init__(spec=spec)
