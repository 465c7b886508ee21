"""Asks the exported model in a process of its own, and writes the InfraBlessing."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.serving_validator import client
from components.serving_validator.checks import Check, check_answers
from components.serving_validator.latency import PERCENTILES, percentiles
from components.serving_validator.options import ServingOptions
from modules.configuration import from_json
from modules.exit_status import describe_exit
from modules.local_copies import local_copy
from modules.recorded_answers import read_answers

MODEL = "model"
EXAMPLES = "examples"
INFRA_BLESSING = "infra_blessing"
BLESSING = "blessing"
REPORT = "report"
SPLIT = "split"
OPTIONS = "options"
SOURCE_DIGEST = "source_digest"
REPORT_NAME = "report.json"
# Names that TFX's InfraValidator gives its property and files, which Pusher looks for.
_BLESSED = "blessed"
_BLESSED_FILE, _NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"
_NO_ANSWERS: dict[str, list[Any]] = {"sessions": [], "item_ids": [], "scores": []}
_LONGEST_SECONDS = 1800


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
    expected = read_answers(folder)
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


class ModelFailedError(Exception):
    """The model could not be loaded, or raised an error; the message is its last words."""


def ask_alone(requests: dict[str, Any], folder: str) -> dict[str, Any]:
    """Asks a SavedModel in a process with nothing but TensorFlow.

    Args:
      requests: see `components.serving_validator.client`.
      folder: of the SavedModel.

    Raises:
      ModelFailedError: the process failed.
    """
    # -I: neither the working directory nor PYTHONPATH, where this project may be found.
    return ask_process(["-I", client.__file__], requests, folder)


def ask_process(
    client_arguments: Sequence[str],
    requests: dict[str, Any],
    folder: str,
    *others: str,
    cwd: str = "",
) -> dict[str, Any]:
    """Asks models in a process of its own.

    Args:
      client_arguments: what Python runs; it is given a model, files of requests and answers, and
        the other models.
      requests: that the client understands.
      folder: of the first model; one that is not on this machine is copied first.
      *others: folders of the other models.
      cwd: where the process works; by default a folder of its own.

    Raises:
      ModelFailedError: the process failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        first, *rest = (local_copy(path, scratch) for path in (folder, *others))
        asked, answered = Path(scratch, "requests.json"), Path(scratch, "answers.json")
        asked.write_text(json.dumps(requests), encoding="utf-8")
        command = [sys.executable, *client_arguments, first, str(asked), str(answered), *rest]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LONGEST_SECONDS,
                cwd=cwd or scratch,
            )
        except subprocess.TimeoutExpired as error:
            raise ModelFailedError(f"gave no answer in {_LONGEST_SECONDS} s") from error
        if done.returncode < 0:
            # What libraries wrote before has nothing to do with it.
            raise ModelFailedError(f"the process that loads it {describe_exit(done.returncode)}")
        if done.returncode:
            raise ModelFailedError("\n".join(done.stderr.strip().splitlines()[-3:]))
        answers: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    return answers


def read_sessions(examples: types.Artifact, split: str) -> Iterator[list[str]]:
    """Yields the item ids of a split's sessions; bytes that are no UTF-8 become surrogates."""
    folder = artifact_utils.get_split_uri([examples], split)
    files = sorted(fileio.glob(os.path.join(folder, "*")))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        values = tf.train.Example.FromString(record).features.feature["item_ids"].bytes_list.value
        yield [value.decode("utf-8", "surrogateescape") for value in values]


def _infra_validator(blessing: types.Artifact) -> Check:
    passed = bool(blessing.get_int_custom_property(_BLESSED))
    text = "a TensorFlow Serving container " + ("loads it" if passed else "does not load it")
    return Check("InfraValidator", passed, text)


def _write_report(report: types.Artifact, checks: Sequence[Check], figures: Any) -> None:
    content = {"checks": [dataclasses.asdict(check) for check in checks], "figures": figures}
    fileio.makedirs(report.uri)
    with fileio.open(os.path.join(report.uri, REPORT_NAME), "w") as file:
        file.write(json.dumps(content, indent=2))


def bless(blessing: types.Artifact, passed: bool) -> None:
    """Writes an InfraBlessing as TFX's InfraValidator does."""
    blessing.set_int_custom_property(_BLESSED, int(passed))
    name = _BLESSED_FILE if passed else _NOT_BLESSED_FILE
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")


def _summary(checks: Sequence[Check]) -> str:
    failed = [f"\n  {check.name}: {check.explanation}" for check in checks if not check.passed]
    if failed:
        return "Serving check: failed, nothing is pushed" + "".join(failed)
    told = [c.explanation for c in checks if c.name in ("answers", "p50 latency")]
    return f"Serving check: passed, {len(checks)} checks; {'; '.join(told)}"
