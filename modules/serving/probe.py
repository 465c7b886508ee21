"""Asks models in processes of their own, as a server would, so that nothing of ours is loaded."""

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
    """The model could not be loaded, or raised an error; the message is its last words."""


def ask_alone(requests: dict[str, Any], folder: str) -> dict[str, Any]:
    """Asks a SavedModel in a process with nothing but TensorFlow.

    Args:
      requests: see `modules.serving.isolated_probe`.
      folder: of the SavedModel.

    Raises:
      ModelFailedError: the process failed.
    """
    # -I: neither the working directory nor PYTHONPATH, where this project may be found.
    return ask_process(["-I", isolated_probe.__file__], requests, folder)


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
