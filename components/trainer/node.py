"""Executors of TFX's Trainer and Tuner that hand on the folder of ItemGen's output."""

from __future__ import annotations

import json
from typing import Any

from tfx import types
from tfx.components.trainer.executor import GenericExecutor
from tfx.components.tuner.executor import Executor
from tfx.types import artifact_utils, standard_component_specs

from modules.items.known_names import ITEMS

_CUSTOM_CONFIG = standard_component_specs.CUSTOM_CONFIG_KEY


class TrainerExecutor(GenericExecutor):
    """Runs `run_fn` with the folder of the input `items` in `custom_config`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains a model."""
        super().Do(input_dict, output_dict, _with_items(input_dict, exec_properties))


class TunerExecutor(Executor):
    """Runs `tuner_fn` with the folder of the input `items` in `custom_config`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Searches hyperparameters."""
        super().Do(input_dict, output_dict, _with_items(input_dict, exec_properties))


def _with_items(
    input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]
) -> dict[str, Any]:
    """Returns the execution properties with the folder, which TFX would not hand on."""
    config = json.loads(exec_properties[_CUSTOM_CONFIG])
    config[ITEMS] = artifact_utils.get_single_uri(input_dict[ITEMS])
    return {**exec_properties, _CUSTOM_CONFIG: json.dumps(config)}
