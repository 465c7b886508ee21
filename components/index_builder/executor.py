"""Builds the approximate index, measures it against the exact one, and blesses it or not."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.index_builder import latency_probe
from components.index_builder.checks import APPROXIMATE, EXACT, judge, measure
from components.index_builder.verdict import VERDICT_NAME, summary_line
from modules.ann.export import OldModelError, export
from modules.ann.pq_index import CodeOptions, FaissMissingError, PQIndex
from modules.config.fields import from_json
from modules.config.index import IndexOptions
from modules.files.model_metadata import learned_from, write_manifest
from modules.serving.answer_checks import Check
from modules.serving.infra_blessing import bless, is_blessed
from modules.serving.probe import ModelFailedError, ask_process
from modules.sessions.session_batches import read_sessions

MODEL = "model"
EXAMPLES = "examples"
INFRA_BLESSING = "infra_blessing"
INDEX = "index"
BLESSING = "blessing"
VERDICT = "index_verdict"
SPLIT = "split"
OPTIONS = "options"
SOURCE_DIGEST = "source_digest"
# The folder that holds the packages `components` and `modules`.
_SOURCES = str(Path(latency_probe.__file__).parents[2])


class Executor(base_executor.BaseExecutor):
    """Executor of IndexBuilder."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Builds the index; blesses it or not, whatever it is like."""
        self._log_startup(input_dict, output_dict, exec_properties)
        options = from_json(IndexOptions, json.loads(exec_properties[OPTIONS]))
        model = artifact_utils.get_single_instance(input_dict[MODEL])
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES])
        exact = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        index = artifact_utils.get_single_instance(output_dict[INDEX])
        approximate = path_utils.serving_model_path(index.uri)
        records = read_sessions(examples, exec_properties[SPLIT])
        sessions = list(itertools.islice(records, options.sessions))
        checks, figures = build(exact, approximate, sessions, options)
        if fileio.exists(approximate):
            made_of = (learned_from(exact), options, exec_properties[SOURCE_DIGEST])
            write_manifest(approximate, hashlib.sha256(repr(made_of).encode()).hexdigest())
        other = next(iter(input_dict.get(INFRA_BLESSING) or []), None)
        if other is not None:
            checks.append(_served_model(other))
        passed = all(check.passed for check in checks)
        verdict = {
            "passed": passed,
            "checks": [dataclasses.asdict(check) for check in checks],
            "figures": figures,
            "options": dataclasses.asdict(options),
        }
        place = artifact_utils.get_single_instance(output_dict[VERDICT])
        text = json.dumps(verdict, indent=2)
        io_utils.write_string_file(os.path.join(place.uri, VERDICT_NAME), text)
        bless(artifact_utils.get_single_instance(output_dict[BLESSING]), passed)
        print(summary_line(verdict), flush=True)


def build(
    exact: str, approximate: str, sessions: Sequence[Sequence[str]], options: IndexOptions
) -> tuple[list[Check], dict[str, Any]]:
    """Makes the model with the index, and asks both models in a process of their own.

    Args:
      exact: folder of the SavedModel that Trainer exported.
      approximate: folder of the new model.
      sessions: item ids in time order.
      options: of the index and its gate.

    Returns:
      The checks, and the figures: see `checks.measure`; also `items`, `rescored`, `build_seconds`
      and, for `exact` and `approximate`, `megabytes`.
    """
    if not sessions:
        return [Check("sessions", False, "there is none to measure the index with")], {}
    began = time.monotonic()
    try:
        index = _export(exact, approximate, options)
        build_seconds = time.monotonic() - began
        command, requests = ["-m", latency_probe.__name__], {"real": list(sessions)}
        answers = ask_process(command, requests, exact, approximate, cwd=_SOURCES)
    except (FaissMissingError, OldModelError, ModelFailedError) as error:
        return [Check("loads", False, str(error))], {}
    figures = measure(answers)
    for name, folder in ((EXACT, exact), (APPROXIMATE, approximate)):
        figures[name]["megabytes"] = _megabytes(folder)
    checks = judge(answers, figures, options)
    of_build = {"items": index.items, "rescored": index.rescored, "build_seconds": build_seconds}
    return checks, {**figures, **of_build}


def _export(exact: str, approximate: str, options: IndexOptions) -> PQIndex:
    """Writes the model, by way of this machine where the folder is elsewhere."""
    with tempfile.TemporaryDirectory() as scratch:
        made = os.path.join(scratch, "index")
        index = export(exact, made, CodeOptions(options.dimensions_per_code, options.rescored))
        io_utils.copy_dir(made, approximate)
    return index


def _megabytes(folder: str) -> float:
    files = (
        os.path.join(parent, name) for parent, _, names in fileio.walk(folder) for name in names
    )
    return round(sum(tf.io.gfile.stat(file).length for file in files) / 1e6, 3)


def _served_model(blessing: types.Artifact) -> Check:
    passed = is_blessed(blessing)
    text = "the exact model " + ("passed" if passed else "did not pass") + " its serving check"
    return Check("model", passed, text)
