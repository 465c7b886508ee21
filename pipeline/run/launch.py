"""Registers and runs the pipeline with TFX's command line, its chatter kept in a log file."""

from __future__ import annotations

import codecs
import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from modules.ann.pq_index import FaissMissingError, require_faiss
from modules.config.index import PQ
from modules.files.folders import output_folder
from modules.messages.exit_status import describe_exit
from pipeline.config import DEFAULT_PRESET, Config, ConfigError, load_config, write_config
from pipeline.paths import PROJECT, Paths
from pipeline.run.lock import holder
from pipeline.run.progress import FAILED
from pipeline.run.tfx_cli import join_commands

LOCAL_RUNNER = PROJECT / "local_runner.py"
OUT_VARIABLE = "SESSION_RETRIEVAL_OUT"
PRESET_VARIABLE = "SESSION_RETRIEVAL_PRESET"
STARTED_VARIABLE = "SESSION_RETRIEVAL_STARTED"
HOME_VARIABLE = "LOCAL_HOME"
_CONFIG_FILE = "config.yaml"
_KEPT_LOGS = 20
_TAIL_LINES = 15


def default_out(name: str) -> Path:
    """Returns where a pipeline's outputs go unless OUT says otherwise."""
    return PROJECT / "output" / name


def check_packages(config: Config) -> None:
    """Looks whether the packages are installed that a run needs by its configuration.

    Raises:
      ConfigError: one is missing.
    """
    if config.index.kind == PQ:
        try:
            require_faiss()
        except FaissMissingError as error:
            raise ConfigError(config.name, [f"index.kind: {error}"]) from error


def save_config(config: Config, out: Path) -> None:
    """Leaves the resolved configuration where `find_config` looks for it."""
    write_config(config, out / _CONFIG_FILE)


def saved_config(out: Path) -> str | None:
    """Returns the file in which `run` left its configuration, None if there is none."""
    file = out / _CONFIG_FILE
    return str(file) if file.is_file() else None


class Choice(NamedTuple):
    """What a runner without arguments has to run.

    Attributes:
      config: the checked configuration.
      out: the output folder.
      source: the file or the preset that the configuration was read from.
    """

    config: Config
    out: Path
    source: str


def find_config(environment: Mapping[str, str]) -> Choice:
    """Returns what a runner without arguments has to run.

    `SESSION_RETRIEVAL_OUT` names a folder in which `session-retrieval run` left a configuration.
    Without it, the preset (or YAML file) of `SESSION_RETRIEVAL_PRESET` is taken, else the bundled
    sample.

    Raises:
      ConfigError: the configuration is not usable, or needs a package that is not there.
      FolderError: a run cannot work in the output folder.
    """
    named = environment.get(OUT_VARIABLE)
    out = output_folder(named) if named else None
    saved = saved_config(out) if out else None
    source = saved or environment.get(PRESET_VARIABLE) or DEFAULT_PRESET
    config = load_config(source)
    check_packages(config)
    return Choice(config, out or output_folder(default_out(config.name)), source)


def started(environment: Mapping[str, str]) -> float:
    """Returns when the run began, in seconds since 1970: `run` says so, else it is now."""
    return float(environment.get(STARTED_VARIABLE) or time.time())


def make_sample_if_missing(config: Config) -> bool:
    """Writes the bundled sample's files where a preset needs them; returns whether it had to."""
    data = config.data
    if not (data.generate and data.folder):
        return False
    wanted = [
        Path(path)
        for path in (data.train, data.test)
        if path and Path(path).parent == Path(data.folder)
    ]
    if all(path.is_file() for path in wanted):
        return False
    from pipeline.sample.generate import write_sample

    write_sample(Path(data.folder))
    return True


def runner_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns what the process that defines or runs the pipeline needs in its environment.

    `local_runner.py` sets it by itself, since whoever types TFX's commands has none of it. It must
    be there before TensorFlow is imported and before the pipeline is defined.
    """
    python_path = environment.get("PYTHONPATH", "").split(os.pathsep)
    return {
        "TF_CPP_MIN_LOG_LEVEL": environment.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        # Else TFX builds wheels of modules/ and installs them, four each, for 7 s, and its cache
        # tells a run with wheels from one without. This machine has the code anyway, and in both
        # cases the cache hashes the module_file.
        "UNSUPPORTED_DO_NOT_PACKAGE_USER_MODULES": "1",
        # Processes that nodes start find this checkout's code, not an installed one.
        "PYTHONPATH": os.pathsep.join(
            [str(PROJECT), *(folder for folder in python_path if folder not in ("", str(PROJECT)))]
        ),
    }


def child_environment(environment: Mapping[str, str], out: Path) -> dict[str, str]:
    """Returns the environment in which TFX's command line runs.

    Registrations live in the output folder, so that two checkouts with pipelines of one name never
    meet, unless the user chose a place. TFX looks `pip` up on PATH: this environment's comes first.
    """
    bin_folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([bin_folder, environment.get("PATH", os.defpath)])
    return {
        "PYTHONWARNINGS": "ignore::FutureWarning,ignore::DeprecationWarning",
        STARTED_VARIABLE: repr(time.time()),
        **environment,
        **runner_environment(environment),
        # `import modules` sets it as well, but TensorFlow would import Keras 3 first, for 1 s.
        "TF_USE_LEGACY_KERAS": "1",
        "PATH": path,
        HOME_VARIABLE: os.path.abspath(environment.get(HOME_VARIABLE) or out / "tfx"),
        OUT_VARIABLE: str(out),
    }


def is_registered(config: Config, out: Path, home: Path) -> bool:
    """Returns whether TFX's command line already knows this pipeline, runner and output folder."""
    try:
        known = json.loads((home / config.name / "pipeline_args.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    wanted = {
        "pipeline_name": config.name,
        "pipeline_root": Paths.under(out).pipeline_root,
        "pipeline_dsl_path": str(LOCAL_RUNNER),
    }
    return isinstance(known, dict) and wanted.items() <= known.items()


def tfx_commands(config: Config, out: Path, home: Path) -> list[list[str]]:
    """Returns what TFX's command line has to do: register the pipeline where needed, and run it."""
    register = [] if is_registered(config, out, home) else [register_arguments(config, home)]
    return [*register, run_arguments(config)]


def register_arguments(config: Config, home: Path) -> list[str]:
    """Returns the arguments that register the pipeline, anew or in place of another one."""
    known = (home / config.name).exists()
    command = "update" if known else "create"
    return ["pipeline", command, "--engine=local", f"--pipeline-path={LOCAL_RUNNER}"]


def run_arguments(config: Config) -> list[str]:
    """Returns the arguments that run the registered pipeline."""
    return ["run", "create", "--engine=local", f"--pipeline-name={config.name}"]


def new_log(out: Path) -> Path:
    """Makes a new log file and returns its path; removes the oldest of many.

    Raises:
      OSError: the folder cannot be written to.
    """
    folder = out / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[: -_KEPT_LOGS + 1 or None]:
        old.unlink(missing_ok=True)
    log = folder / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}.log"
    log.touch()
    return log


def call_tfx(
    commands: Sequence[Sequence[str]],
    environment: Mapping[str, str],
    log: Path,
    show: Callable[[str], None],
) -> int:
    """Runs commands of TFX's command line until one fails, and returns the exit status.

    Args:
      commands: arguments after `tfx`, one list each.
      environment: of the process.
      log: file that gets all output appended.
      show: gets all that is printed to stdout, as it comes: each command, the command line's own
        words, then the pipeline's.
    """
    command = [sys.executable, "-m", "pipeline.run.tfx_cli", *join_commands(commands)]
    # Unbuffered: what a full disk did not take must not fail once more when the file is closed.
    with open(log, "ab", buffering=0) as file:
        # In the checkout: `-m` looks into the working directory first.
        process = subprocess.Popen(
            command, cwd=PROJECT, env=dict(environment), stdout=subprocess.PIPE, stderr=file
        )
        try:
            _copy_output(process, file, show)
            return process.wait()
        except BaseException:
            _end(process, Path(environment[OUT_VARIABLE]))
            raise


def _copy_output(
    process: subprocess.Popen[bytes], file: IO[bytes], show: Callable[[str], None]
) -> None:
    assert process.stdout is not None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    log_is_full = False
    while chunk := os.read(process.stdout.fileno(), 65536):
        try:
            file.write(chunk)
        except OSError as error:  # The run itself may go on: it is no reason to end it.
            if not log_is_full:
                show(f"The log {file.name} ends here: {error.strerror}\n")
            log_is_full = True
        show(decoder.decode(chunk))


def _end(process: subprocess.Popen[bytes], out: Path) -> None:
    """Ends the command line, and the runner that it started and would leave behind."""
    runner = holder(out)
    process.terminate()
    if runner and runner != os.getpid():
        with contextlib.suppress(ProcessLookupError):
            os.kill(runner, signal.SIGTERM)
    process.wait()


def tail(log: Path) -> str:
    """Returns the last lines of a log, for a process that exited without an error message."""
    with open(log, encoding="utf-8", errors="replace") as file:
        return "".join(collections.deque(file, _TAIL_LINES)).rstrip()


def failure_text(shown: str, log: Path, status: int) -> str:
    """Returns the last words about a failed run: the cause, unless shown, and where the log is.

    Args:
      shown: what the run printed.
      log: file of all its output.
      status: exit status of TFX's command line, negative for a signal.
    """
    if FAILED in shown:
        return f"Full log: {log}"
    ending = describe_exit(status) if status < 0 else "exited without an error message"
    return f"{FAILED}the run {ending}:\n{tail(log)}\nFull log: {log}"
