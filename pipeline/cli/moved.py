"""The message of the former scripts: the command that replaces them."""

from __future__ import annotations

import shlex
import sys

# Only the standard library: a script may be started with any Python.
COMMANDS = {
    "run.py": "run",
    "recommend.py": "recommend",
    "batch_recommend.py": "batch",
    "demo.py": "serve",
    "renew_index.py": "refresh",
}


def refer(script: str, *arguments: str) -> int:
    """Prints the new command line of an old one; returns the status for wrong usage."""
    command = shlex.join(["session-retrieval", COMMANDS[script], *arguments])
    print(
        f"`python {script}` is now `session-retrieval {COMMANDS[script]}`. Run:\n"
        f"  python3 environment.py run {command}",
        file=sys.stderr,
    )
    return 2
