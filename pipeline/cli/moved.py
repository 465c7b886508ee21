"""What the scripts of before 0.2 print: the command that took their place."""

from __future__ import annotations

import shlex
import sys

# Only the standard library, since any Python may be typed before a script's name.
COMMANDS = {
    "run.py": "run",
    "recommend.py": "recommend",
    "batch_recommend.py": "batch",
    "demo.py": "serve",
    "renew_index.py": "refresh",
}


def refer(script: str, *arguments: str) -> int:
    """Prints the new command line of an old one, and returns the status of wrong usage."""
    command = shlex.join(["session-retrieval", COMMANDS[script], *arguments])
    print(
        f"`python {script}` is now `session-retrieval {COMMANDS[script]}`. Type:\n"
        f"  python3 environment.py run {command}",
        file=sys.stderr,
    )
    return 2
