"""Where the workers of a Beam job run, by its flags."""

from __future__ import annotations

from collections.abc import Sequence

# Runners on this machine, in lower case. Prism is not one: how it starts workers depends on
# further flags.
_LOCAL = {"directrunner", "switchingdirectrunner", "bundlebaseddirectrunner", "fnapirunner"}
_DEFAULT = "DirectRunner"
_PROCESSES = "multi_processing"


def runner_name(flags: Sequence[str]) -> str:
    """Returns the runner that flags name, without its package.

    >>> runner_name(["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"])
    'FnApiRunner'
    >>> runner_name(["--runner", "FlinkRunner", "--parallelism=2"])
    'FlinkRunner'
    """
    return _value(flags, "--runner", _DEFAULT).rpartition(".")[2]


def on_this_machine(flags: Sequence[str]) -> bool:
    """Returns whether workers can read the files of the process that starts the job."""
    return runner_name(flags).lower() in _LOCAL


def in_this_process(flags: Sequence[str]) -> bool:
    """Returns whether workers have the modules of the process that starts the job."""
    return on_this_machine(flags) and _value(flags, "--direct_running_mode") != _PROCESSES


def _value(flags: Sequence[str], name: str, default: str = "") -> str:
    """Returns the value of a flag, given as `--name=value` or in two parts; the last one counts."""
    for place in reversed(range(len(flags))):
        flag, separator, value = flags[place].partition("=")
        if flag == name:
            return value if separator else "".join(flags[place + 1 : place + 2])
    return default
