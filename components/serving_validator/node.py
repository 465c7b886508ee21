"""The node that calls the exported model in a process of its own, and writes the InfraBlessing."""

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from tfx import types
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils, path_utils

from components.serving_validator.checks import check_answers, latency_of
from modules.config.fields import from_json
from modules.config.options.serving_validator import ServingValidatorOptions
from modules.files.model_folder import REFERENCE_PREDICTIONS, read_json
from modules.gate.check_record import FAILED, Check, outcome, refusals
from modules.gate.report_files import SERVING_REPORT
from modules.serving.infra_blessing import bless, is_blessed
from modules.serving.latency import PERCENTILES
from modules.serving.probe import ModelFailedError, call_isolated
from modules.sessions.examples import read_sessions

_NO_PREDICTIONS: dict[str, list[Any]] = {"sessions": [], "item_ids": [], "scores": []}


@component
def ServingValidator(
    model: InputArtifact[standard_artifacts.Model],
    examples: InputArtifact[standard_artifacts.Examples],
    blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    report: OutputArtifact[simple_artifacts.Metrics],
    split: Parameter[str],
    options: Parameter[str],
    infra_blessing: InputArtifact[standard_artifacts.InfraBlessing] = None,
    source_digest: Parameter[str] = "",
) -> None:
    """Loads the exported model as a server would, calls it, and blesses it for Pusher or not.

    The new process has nothing but TensorFlow. The model must answer as the trainer did, in good
    form, equally for raw ids and tf.Examples, and fast enough.

    Args:
      model: as Trainer exported it.
      examples: as SessionExampleGen writes them.
      blessing: output; the InfraBlessing for Pusher.
      report: output; gets the checks and measurements.
      split: the split whose sessions are sent.
      options: `ServingValidatorOptions` as JSON.
      infra_blessing: output of TFX's InfraValidator, which must bless the model too; may be left
        out.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    wanted = from_json(ServingValidatorOptions, json.loads(options))
    folder = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    records = read_sessions(artifact_utils.get_split_uri([examples], split))
    sessions = list(itertools.islice(records, wanted.sessions))
    checks, measured = validate(folder, sessions, wanted)
    if infra_blessing is not None:
        checks.append(_infra_validator(infra_blessing))
    results = [check.as_json() for check in checks]
    io_utils.write_string_file(
        os.path.join(report.uri, SERVING_REPORT),
        json.dumps({"checks": results, "figures": measured}, indent=2),
    )
    bless(blessing, all(check.passed for check in checks))
    print(_summary(results), flush=True)


def validate(
    folder: str, sessions: Sequence[Sequence[str]], options: ServingValidatorOptions
) -> tuple[list[Check], dict[str, Any]]:
    """Loads a SavedModel in a new process and calls it.

    Args:
      folder: folder of the SavedModel; copied first if it is not on this machine.
      sessions: item ids in time order.
      options: limits.

    Returns:
      The checks, and the measurements: `load_seconds`, `p50_ms` and `p99_ms`, the same of CPU time
      as `cpu_p50_ms` and `cpu_p99_ms` (None without a session), `delay` (see `Latency`),
      `sessions`.
    """
    found = read_json(folder, REFERENCE_PREDICTIONS)
    expected = found or _NO_PREDICTIONS
    try:
        answers = call_isolated({"known": expected["sessions"], "real": sessions}, folder)
    except ModelFailedError as error:
        return [Check("loads", FAILED, str(error))], {}
    checks = check_answers(answers, expected, options)
    if found is None:
        text = "the trainer left no answers to compare with"
        checks = [Check("answers", FAILED, text) if c.name == "answers" else c for c in checks]
    latency = latency_of(answers)
    measured = {
        "load_seconds": answers["load_seconds"],
        **(latency.wall if latency else dict.fromkeys(PERCENTILES)),
        **{f"cpu_{name}": latency.cpu[name] if latency else None for name in PERCENTILES},
        "delay": answers["times"]["delay"],
        "sessions": len(sessions),
    }
    return checks, measured


def _infra_validator(blessing: types.Artifact) -> Check:
    passed = is_blessed(blessing)
    text = "a TensorFlow Serving container " + ("loads it" if passed else "does not load it")
    return Check("InfraValidator", outcome(passed), text)


def _summary(checks: Sequence[Mapping[str, Any]]) -> str:
    failed = refusals(checks)
    if failed:
        return "\n  ".join(["Serving check: failed, nothing is pushed", *failed])
    shown = [check["reason"] for check in checks if check["name"] in ("answers", "p50 latency")]
    return f"Serving check: passed, {len(checks)} checks; {'; '.join(shown)}"
