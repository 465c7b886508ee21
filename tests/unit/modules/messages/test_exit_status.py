from __future__ import annotations

import subprocess

import pytest

from modules.messages.exit_status import describe_exit


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("kill -KILL $$", "was killed by SIGKILL (out of memory?)"),
        ("sh -c 'kill -KILL $$'; exit $?", "was killed by SIGKILL (out of memory?)"),
        ("kill -TERM $$", "was killed by SIGTERM"),
        ("exit 3", "failed with exit status 3"),
        ("exit 128", "failed with exit status 128"),
        ("exit 255", "failed with exit status 255"),
    ],
)
def test_a_real_process(command: str, words: str) -> None:
    status = subprocess.run(["sh", "-c", command], stderr=subprocess.DEVNULL).returncode
    assert describe_exit(status) == words
