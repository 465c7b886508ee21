"""Exit statuses in words."""

from __future__ import annotations

import signal


def describe_exit(status: int) -> str:
    """Returns how a process ended, given the status that `subprocess` or a shell reports.

    >>> describe_exit(-9)
    'was killed by SIGKILL (out of memory?)'
    >>> describe_exit(2)
    'failed with exit status 2'
    """
    number = -status if status < 0 else status - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"failed with exit status {status}"
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
