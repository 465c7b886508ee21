"""Where and why a run failed, from what it has printed."""

from __future__ import annotations

from typing import NamedTuple

from modules.messages.exit_status import describe_exit
from pipeline.run.progress import FAILED, running_node


class Failure(NamedTuple):
    """A failure.

    Attributes:
      node: the node that failed, "" if none had been running.
      cause: message of the original exception, or how the process ended.
    """

    node: str
    cause: str


def read_failure(shown: str, status: int) -> Failure:
    """Returns the failure of a run.

    Args:
      shown: what the run printed.
      status: its exit status, negative for a signal.
    """
    node, text = running_node(shown), shown.rpartition(FAILED)[2].strip()
    if FAILED not in shown or not text:
        return Failure(node, f"the run {ending(status)}")
    return Failure(node, text.removeprefix(f"{node}: "))


def ending(status: int) -> str:
    """Describes how a run ended that printed no cause.

    >>> ending(-15), ending(1)
    ('was killed by SIGTERM', 'exited without an error message')
    """
    return describe_exit(status) if status < 0 else "exited without an error message"
