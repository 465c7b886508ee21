"""Executors that the entrypoint's tests run: they write, fail, and wait to be killed."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from tfx import types
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils

Artifacts = dict[str, list[types.Artifact]]


def _write_half(outputs: Artifacts) -> str:
    uri = artifact_utils.get_single_instance(outputs["model"]).uri
    os.makedirs(uri, exist_ok=True)
    with open(os.path.join(uri, "half"), "w", encoding="utf-8") as file:
        file.write("half")
    return uri


class Recording(BaseExecutor):
    """Writes what it was given into its output, and a property with its own local path."""

    def Do(self, inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]) -> None:
        model = artifact_utils.get_single_instance(outputs["model"])
        seen = {
            "left_behind": os.path.exists(model.uri),
            "inputs": {k: [type(a).__name__, a.uri] for k, (a,) in inputs.items()},
            "properties": properties,
        }
        os.makedirs(model.uri)
        with open(os.path.join(model.uri, "seen.json"), "w", encoding="utf-8") as file:
            json.dump(seen, file)
        model.set_string_custom_property("made_of", inputs["examples"][0].uri if inputs else "")


class Silent(BaseExecutor):
    """Has no outputs."""

    def Do(self, inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]) -> None:
        if outputs or properties != {"number": 3}:
            raise ValueError(f"outputs {outputs}, properties {properties}")


class Failing(BaseExecutor):
    """Writes half of its output and fails."""

    def Do(self, inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]) -> None:
        _write_half(outputs)
        raise ValueError("there is nothing to learn from")


class BeamNode(BaseBeamExecutor):
    """Is a node with Beam jobs, and runs none."""

    def Do(self, inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]) -> None:
        _write_half(outputs)


class FailingJob(BaseExecutor):
    """Fails as a Beam job does whose job server reports no cause."""

    def Do(self, inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]) -> None:
        raise RuntimeError("Pipeline job-1 failed in state FAILED: unknown error")


class Waiting(BaseExecutor):
    """Writes half of its output and waits for its end."""

    def Do(self, inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]) -> None:
        _write_half(outputs)
        print("waiting", flush=True)
        time.sleep(120)
