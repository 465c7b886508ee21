"""What the flags of a Beam job say: its runner, and where its workers are."""

from __future__ import annotations

from collections.abc import Sequence

# Runners on this machine, in lower case. Prism is not one: how it starts workers depends on
# further flags.
_LOCAL = {"directrunner", "switchingdirectrunner", "bundlebaseddirectrunner", "fnapirunner"}
_DEFAULT = "DirectRunner"
_PROCESSES = "multi_processing"
_PRISM = "prismrunner"
_LOOPBACK = "loopback"
# Of `--environment_type`; workers of other types are started by, or near, what runs the job.
_STARTED_BY_CLIENT = {"", _LOOPBACK}
EXTERNAL = "EXTERNAL"


def runner_name(flags: Sequence[str]) -> str:
    """Returns the runner that flags name, without its package.

    >>> runner_name(["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"])
    'FnApiRunner'
    >>> runner_name(["--runner", "FlinkRunner", "--parallelism=2"])
    'FlinkRunner'
    """
    return flag_value(flags, "--runner", _DEFAULT).rpartition(".")[2]


def on_this_machine(flags: Sequence[str]) -> bool:
    """Returns whether workers can read the files of the process that starts the job."""
    return runner_name(flags).lower() in _LOCAL or has_own_workers(flags)


def in_this_process(flags: Sequence[str]) -> bool:
    """Returns whether workers have the modules of the process that starts the job."""
    is_local = runner_name(flags).lower() in _LOCAL
    return is_local and flag_value(flags, "--direct_running_mode") != _PROCESSES


def starts_prism(flags: Sequence[str]) -> bool:
    """Returns whether the job starts a server of Prism, and so needs its program."""
    return runner_name(flags).lower() == _PRISM and not flag_value(flags, "--job_endpoint")


def has_own_workers(flags: Sequence[str]) -> bool:
    """Returns whether the process that starts the job starts its workers too, as on Prism."""
    kind = flag_value(flags, "--environment_type").lower()
    return kind == _LOOPBACK or (starts_prism(flags) and kind in _STARTED_BY_CLIENT)


def flag_value(flags: Sequence[str], name: str, default: str = "") -> str:
    """Returns the value of a flag, given as `--name=value` or in two parts; the last one counts.

    >>> flag_value(["--job_endpoint=a:1", "--job_endpoint", "b:2"], "--job_endpoint")
    'b:2'
    """
    for place in reversed(range(len(flags))):
        flag, separator, value = flags[place].partition("=")
        if flag == name:
            return value if separator else "".join(flags[place + 1 : place + 2])
    return default
