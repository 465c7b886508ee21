"""Runs the pipeline in a process of its own, with its messages in a log file."""

from __future__ import annotations

import codecs
import collections
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from modules.ann.pq_index import FaissMissingError, require_faiss
from modules.config.options.index import PQ
from modules.files.folders import output_folder
from modules.files.patterns import find_files
from pipeline.config import DEFAULT_PRESET, Config, ConfigError, load_config, write_config
from pipeline.paths import PROJECT
from pipeline.run.failures import ending
from pipeline.run.progress import FAILED

LOCAL_RUNNER = PROJECT / "local_runner.py"
OUT_VARIABLE = "SESSION_RETRIEVAL_OUT"
PRESET_VARIABLE = "SESSION_RETRIEVAL_PRESET"
STARTED_VARIABLE = "SESSION_RETRIEVAL_STARTED"
_CONFIG_FILE = "config.yaml"
_KEPT_LOGS = 20
_TAIL_LINES = 15


def default_out(name: str) -> Path:
    """Returns the output folder of a pipeline unless OUT names another."""
    return PROJECT / "output" / name


def check_packages(config: Config) -> None:
    """Checks that the packages which the configuration needs are installed.

    Raises:
      ConfigError: one is missing.
    """
    if config.index.kind == PQ:
        try:
            require_faiss()
        except FaissMissingError as error:
            raise ConfigError(config.name, [f"index.kind: {error}"]) from error


def save_config(config: Config, out: Path) -> None:
    """Writes the resolved configuration for `find_config`."""
    write_config(config, out / _CONFIG_FILE)


def saved_config(out: Path) -> str | None:
    """Returns the path of the configuration that `run` wrote, None if there is none."""
    file = out / _CONFIG_FILE
    return str(file) if file.is_file() else None


class Choice(NamedTuple):
    """What a runner without arguments runs.

    Attributes:
      config: checked configuration.
      out: output folder.
      source: file or preset of the configuration.
    """

    config: Config
    out: Path
    source: str


def find_config(environment: Mapping[str, str]) -> Choice:
    """Returns what a runner without arguments runs.

    `SESSION_RETRIEVAL_OUT` names a folder in which `session-retrieval run` wrote a configuration.
    Without it, the preset (or YAML file) of `SESSION_RETRIEVAL_PRESET` is used, else the sample.

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
    """Returns when `run` began, else the present time, in seconds since 1970."""
    return float(environment.get(STARTED_VARIABLE) or time.time())


def make_sample_if_missing(config: Config) -> bool:
    """Writes the bundled sample's files if a preset needs them; returns whether it did."""
    data = config.data
    if not (data.generate and data.folder):
        return False
    from pipeline.sample import generate

    if data.daily:
        if find_files(data.daily):
            return False
        generate.write_days(Path(data.daily).parent)
        return True
    folder = Path(data.folder)
    wanted = (Path(path) for path in (data.train, data.test) if path)
    if all(path.is_file() for path in wanted if path.parent == folder):
        return False
    generate.write_sample(folder)
    return True


def runner_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that the process which defines or runs the pipeline needs.

    `local_runner.py` sets them itself, for those who type TFX's commands. They must be set before
    TensorFlow is imported and before the pipeline is defined.
    """
    given = environment.get("PYTHONPATH", "").split(os.pathsep)
    python_path = [str(PROJECT), *(folder for folder in given if folder not in ("", str(PROJECT)))]
    return {
        "TF_CPP_MIN_LOG_LEVEL": environment.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        # Processes that nodes start load models beside the one that trained, and TensorFlow would
        # take the whole memory of a GPU at once.
        "TF_FORCE_GPU_ALLOW_GROWTH": environment.get("TF_FORCE_GPU_ALLOW_GROWTH", "true"),
        # Otherwise TFX builds wheels of modules/ and installs them, four each, for 7 s, and its
        # cache distinguishes runs with and without wheels. This machine has the code anyway, and
        # the cache hashes the module_file in both cases.
        "UNSUPPORTED_DO_NOT_PACKAGE_USER_MODULES": "1",
        # Processes that nodes start find this checkout's code, not an installed one.
        "PYTHONPATH": os.pathsep.join(python_path),
    }


def child_environment(environment: Mapping[str, str], out: Path) -> dict[str, str]:
    """Returns the environment in which the pipeline runs.

    TFX finds `pip` on PATH: this environment's comes first.
    """
    bin_folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([bin_folder, environment.get("PATH", os.defpath)])
    return {
        "PYTHONWARNINGS": "ignore::FutureWarning,ignore::DeprecationWarning",
        STARTED_VARIABLE: repr(time.time()),
        **environment,
        **runner_environment(environment),
        "PATH": path,
        OUT_VARIABLE: str(out),
    }


def new_log(out: Path) -> Path:
    """Creates a log file and returns its path; removes the oldest of many.

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


def run_pipeline(environment: Mapping[str, str], log: Path, show: Callable[[str], None]) -> int:
    """Runs the pipeline, as `tfx run create --engine=local` does, and returns the exit status.

    Args:
      environment: environment of the process, of `child_environment`.
      log: file to which all output is appended.
      show: called with what is printed to stdout, as it comes.
    """
    # Neither is buffered: what did not fit on a full disk must not fail again when the file is
    # closed, and Python exits with status 120 if it cannot write what is left of stderr.
    with (
        open(log, "ab", buffering=0) as file,
        subprocess.Popen(
            [sys.executable, str(LOCAL_RUNNER)],
            cwd=PROJECT,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=file,
        ) as process,
    ):
        try:
            _copy_output(process, file, show)
            return process.wait()
        except BaseException:
            process.terminate()
            process.wait()
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
        except OSError as error:  # The run itself may go on.
            if not log_is_full:
                show(f"The log {file.name} ends here: {error.strerror}\n")
            log_is_full = True
        show(decoder.decode(chunk))


def failure_text(shown: str, log: Path, status: int) -> str:
    """Returns the last message about a failed run: the cause, unless shown, and the log's path.

    Args:
      shown: what the run printed.
      log: file of all its output.
      status: exit status of its process, negative for a signal.
    """
    if FAILED in shown:
        return f"Full log: {log}"
    with open(log, encoding="utf-8", errors="replace") as file:
        tail = "".join(collections.deque(file, _TAIL_LINES)).rstrip()
    return f"{FAILED}the run {ending(status)}:\n{tail}\nFull log: {log}"
