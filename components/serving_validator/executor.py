"""Asks the exported model in a process of its own, and writes the InfraBlessing."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.serving_validator.checks import check_answers
from modules.config.fields import from_json
from modules.config.serving import ServingOptions
from modules.gate.report_files import SERVING_REPORT
from modules.serving.answer_checks import Check
from modules.serving.infra_blessing import bless, is_blessed
from modules.serving.latency import PERCENTILES, percentiles
from modules.serving.probe import ModelFailedError, ask_alone
from modules.serving.recorded_predictions import read_reference_predictions
from modules.sessions.session_batches import read_sessions

MODEL = "model"
EXAMPLES = "examples"
INFRA_BLESSING = "infra_blessing"
BLESSING = "blessing"
REPORT = "report"
SPLIT = "split"
OPTIONS = "options"
SOURCE_DIGEST = "source_digest"
_NO_ANSWERS: dict[str, list[Any]] = {"sessions": [], "item_ids": [], "scores": []}


class Executor(base_executor.BaseExecutor):
    """Executor of ServingValidator."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Checks the model; blesses it or not, whatever it is like."""
        self._log_startup(input_dict, output_dict, exec_properties)
        options = from_json(ServingOptions, json.loads(exec_properties[OPTIONS]))
        model = artifact_utils.get_single_instance(input_dict[MODEL])
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES])
        folder = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
        records = read_sessions(examples, exec_properties[SPLIT])
        sessions = list(itertools.islice(records, options.sessions))
        checks, figures = validate(folder, sessions, options)
        other = next(iter(input_dict.get(INFRA_BLESSING) or []), None)
        if other is not None:
            checks.append(_infra_validator(other))
        passed = all(check.passed for check in checks)
        report = artifact_utils.get_single_instance(output_dict[REPORT])
        _write_report(report, checks, figures)
        bless(artifact_utils.get_single_instance(output_dict[BLESSING]), passed)
        print(_summary(checks), flush=True)


def validate(
    folder: str, sessions: Sequence[Sequence[str]], options: ServingOptions
) -> tuple[list[Check], dict[str, Any]]:
    """Loads a SavedModel in a fresh process and asks it.

    Args:
      folder: of the SavedModel; one that is not on this machine is copied first.
      sessions: item ids in time order.
      options: the limits.

    Returns:
      The checks, and the figures that were taken: `load_seconds`, `p50_ms` and `p99_ms` (None
      without a session), `sessions`.
    """
    expected = read_reference_predictions(folder)
    requests = {"known": (expected or _NO_ANSWERS)["sessions"], "real": sessions}
    try:
        answers = ask_alone(requests, folder)
    except ModelFailedError as error:
        return [Check("loads", False, str(error))], {}
    checks = check_answers(answers, expected or _NO_ANSWERS, options)
    if expected is None:
        text = "the trainer left no answers to compare with"
        checks = [Check("answers", False, text) if c.name == "answers" else c for c in checks]
    milliseconds = answers["milliseconds"]
    figures = {
        "load_seconds": answers["load_seconds"],
        **(percentiles(milliseconds) if milliseconds else dict.fromkeys(PERCENTILES)),
        "sessions": len(sessions),
    }
    return checks, figures


def _infra_validator(blessing: types.Artifact) -> Check:
    passed = is_blessed(blessing)
    text = "a TensorFlow Serving container " + ("loads it" if passed else "does not load it")
    return Check("InfraValidator", passed, text)


def _write_report(report: types.Artifact, checks: Sequence[Check], figures: Any) -> None:
    content = {"checks": [dataclasses.asdict(check) for check in checks], "figures": figures}
    fileio.makedirs(report.uri)
    with fileio.open(os.path.join(report.uri, SERVING_REPORT), "w") as file:
        file.write(json.dumps(content, indent=2))


def _summary(checks: Sequence[Check]) -> str:
    failed = [f"\n  {check.name}: {check.explanation}" for check in checks if not check.passed]
    if failed:
        return "Serving check: failed, nothing is pushed" + "".join(failed)
    told = [c.explanation for c in checks if c.name in ("answers", "p50 latency")]
    return f"Serving check: passed, {len(checks)} checks; {'; '.join(told)}"
