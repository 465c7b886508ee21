"""Executors of TFX's Trainer and Tuner that hand on the folder of ItemGen's output."""

from __future__ import annotations

import json
from typing import Any

from tfx import types
from tfx.components.trainer.executor import GenericExecutor
from tfx.components.tuner.executor import Executor
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils, standard_component_specs

from modules.items.known_names import ITEMS

_CUSTOM_CONFIG = standard_component_specs.CUSTOM_CONFIG_KEY


class _WithItems(BaseExecutor):
    """Adds the folder of the input `items` to `custom_config`, since TFX would not hand it on."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the user code of the next class."""
        config = json.loads(exec_properties[_CUSTOM_CONFIG])
        config[ITEMS] = artifact_utils.get_single_uri(input_dict[ITEMS])
        changed = {**exec_properties, _CUSTOM_CONFIG: json.dumps(config)}
        super().Do(input_dict, output_dict, changed)


class TrainerExecutor(_WithItems, GenericExecutor):
    """Runs `run_fn`."""


class TunerExecutor(_WithItems, Executor):
    """Runs `tuner_fn`."""
