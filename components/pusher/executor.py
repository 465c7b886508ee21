"""Executor of TFX's Pusher that pushes no duplicate."""

from __future__ import annotations

import os
import time
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from modules.model_files import folder_digest, trained_model_digest

_LONGEST_WAIT = 60.0  # seconds


class Executor(executor.Executor):
    """Pushes as TFX does, unless the newest pushed version is this very model.

    The Evaluator runs again once there is a baseline to compare with, and blesses the same model
    anew; TFX would then push a second copy of it. A version whose index was renewed counts as the
    model that it was made of: a copy of that would bring withdrawn items back.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes a blessed model, or points to the version that is the same model."""
        destination = pusher_pb2.PushDestination()
        text = exec_properties[standard_component_specs.PUSH_DESTINATION_KEY]
        proto_utils.json_to_proto(text, destination)
        newest = newest_version(destination.filesystem.base_directory)
        if newest is None or not self.CheckBlessing(input_dict):
            return super().Do(input_dict, output_dict, exec_properties)
        model = self.GetModelPath(input_dict)
        if trained_model_digest(newest) != folder_digest(model):
            _wait_for_a_higher_version(newest)
            return super().Do(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        io_utils.copy_dir(model, pushed.uri)
        self._MarkPushed(pushed, pushed_destination=newest, pushed_version=os.path.basename(newest))
        return None


def _wait_for_a_higher_version(newest: str) -> None:
    """Waits until the clock gives a version above the newest one, unless that is far ahead.

    TFX names a version by the second, and pushes nothing where that name is taken. A renewal made
    in the same second has taken it; several in a row are named ahead of the clock.
    """
    seconds = int(os.path.basename(newest)) + 1 - time.time()
    if 0 < seconds <= _LONGEST_WAIT:
        time.sleep(seconds)


def newest_version(base_directory: str) -> str | None:
    """Returns the folder of the highest version below `base_directory`, None if there is none."""
    if not fileio.exists(base_directory):
        return None
    versions = [name.rstrip("/") for name in fileio.listdir(base_directory)]
    numbers = [int(name) for name in versions if name.isdigit()]
    return os.path.join(base_directory, str(max(numbers))) if numbers else None
