"""Calls models in processes of their own, as a server would, without this project's code."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modules.files.local_copies import local_copy
from modules.messages.exit_status import describe_exit
from modules.serving import isolated_probe

_LONGEST_SECONDS = 1800


class ModelFailedError(Exception):
    """The model could not be loaded, or raised an error; the message is the end of its output."""


def call_isolated(requests: dict[str, Any], folder: str) -> dict[str, Any]:
    """Calls a SavedModel in a process with nothing but TensorFlow.

    Args:
      requests: sessions, see `modules.serving.isolated_probe`.
      folder: folder of the SavedModel.

    Raises:
      ModelFailedError: the process failed.
    """
    # -I: neither the working directory nor PYTHONPATH, where this project may be found.
    return call_in_process(["-I", isolated_probe.__file__], requests, folder)


def call_in_process(
    probe_arguments: Sequence[str],
    requests: dict[str, Any],
    folder: str,
    *others: str,
    cwd: str = "",
) -> dict[str, Any]:
    """Calls models in a process of its own.

    Args:
      probe_arguments: arguments of Python, which name the probe; it is given the folder of a model,
        files of requests and answers, and the folders of the other models.
      requests: requests that the probe understands.
      folder: folder of the first model; models that are not on this machine are copied first.
      *others: folders of the other models.
      cwd: working directory of the process; by default a temporary one.

    Raises:
      ModelFailedError: the process failed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        first, *rest = (local_copy(path, scratch) for path in (folder, *others))
        sent, answered = Path(scratch, "requests.json"), Path(scratch, "answers.json")
        sent.write_text(json.dumps(requests), encoding="utf-8")
        command = [sys.executable, *probe_arguments, first, str(sent), str(answered), *rest]
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
            # What libraries wrote before it was killed is unrelated.
            raise ModelFailedError(f"the process that loads it {describe_exit(done.returncode)}")
        if done.returncode:
            raise ModelFailedError("\n".join(done.stderr.strip().splitlines()[-3:]))
        answers: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    return answers
