"""Runs commands of TFX's command line one after another in one process.

Every `tfx` process imports TensorFlow and Beam again, which takes 4 to 6 s. This runs TFX's own
command line with the commands that a user would type.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from modules.messages.exit_status import describe_exit
from pipeline.run.progress import FAILED

PROMPT = "$ tfx "
_SEPARATOR = "++"


def join_commands(commands: Iterable[Sequence[str]]) -> list[str]:
    """Joins commands into one list of arguments; `split_commands` splits it again."""
    return [word for command in commands for word in (_SEPARATOR, *command)]


def split_commands(arguments: Sequence[str]) -> list[list[str]]:
    """Returns the commands that `join_commands` joined."""
    commands: list[list[str]] = []
    for word in arguments:
        if word == _SEPARATOR:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def main(arguments: Sequence[str]) -> None:
    """Runs the commands, and prints each before it starts.

    Raises:
      SystemExit: a command failed; the following ones did not run.
    """
    gc.disable()  # Imports make no garbage; searching for it takes a fifth of their time.
    from tfx.tools.cli.cli_main import cli_group

    gc.enable()
    _report_signals()
    for command in split_commands(arguments):
        print(f"{PROMPT}{' '.join(command)}", flush=True)
        cli_group.main(command, prog_name="tfx", standalone_mode=False)


def _report_signals() -> None:
    """Prints the signal that ends a subprocess; TFX itself only says that it failed."""
    call = subprocess.call

    def reporting_call(*arguments: Any, **options: Any) -> int:
        status = call(*arguments, **options)
        if status < 0:
            print(f"{FAILED}the run {describe_exit(status)}", flush=True)
        return status

    subprocess.call = reporting_call


if __name__ == "__main__":
    main(sys.argv[1:])
