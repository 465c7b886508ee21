"""The command `session-retrieval`; subcommands are imported when they are called or listed."""

from __future__ import annotations

import gc
import importlib
import signal
import sys
from collections.abc import Sequence

import click

from pipeline.cli.failures import check_text, describe, discard_unwritable_output

PROGRAM = "session-retrieval"
COMMANDS = (
    *("run", "day", "recommend", "batch", "serve", "refresh", "releases", "monitor", "report"),
    *("history", "clean", "forget", "compile", "check", "submit", "doctor"),
)
# Imports and the tracing of graphs make little garbage. To search for it after every 700 objects,
# as Python does, takes a fifth of the time in which TensorFlow and Beam are imported.
_ALLOCATIONS_PER_SEARCH = 50_000


class LazyGroup(click.Group):
    """Imports each subcommand from the file of its name in `pipeline/cli/commands`."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Returns the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """Imports a subcommand; returns None for an unknown name."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"pipeline.cli.commands.{name}").command
        return command


@click.group(
    cls=LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "show_default": True,
        "max_content_width": 100,
    },
    epilog=f"\b\nExample: {PROGRAM} run --preset sample",
)
def cli() -> None:
    """Session-based retrieval: train, evaluate and serve a next-item recommender."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand.

    Args:
      arguments: words of the command line; None for this process's.

    Returns:
      The exit status of the subcommand, 2 for a command line that is not valid, 1 for a path or an
      output that cannot be used.
    """
    gc.set_threshold(_ALLOCATIONS_PER_SEARCH)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        check_text(words)
        status = int(cli.main(words, prog_name=PROGRAM, standalone_mode=False) or 0)
        sys.stdout.flush()
        return status
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("\nStopped.", err=True)
        return 128 + signal.SIGINT
    except OSError as error:
        problem = describe(error)
        if problem is None:
            raise
        discard_unwritable_output()
        click.echo(problem, err=True)
        return 1
