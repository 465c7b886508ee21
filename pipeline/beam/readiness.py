"""What a run with a Beam runner still lacks, found before it starts."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from modules.files.patterns import is_uri, join
from modules.messages.exit_status import describe_exit
from modules.sessions.splits import SPLITS
from pipeline.beam.prism import missing_prism
from pipeline.beam.runners import in_this_process, on_this_machine, runner_name
from pipeline.beam.servers import servers, unreachable
from pipeline.config import Config
from pipeline.paths import PROJECT

_SPARE_SECONDS = 60.0  # for imports and the end of a trial job
_TAIL_LINES = 15


class RunnerError(ValueError):
    """A run with this runner cannot start; the message has one line per problem."""


def shares_files(config: Config) -> bool:
    """Returns whether workers have this machine's files."""
    stated = config.beam.shared_files
    return on_this_machine(config.beam_pipeline_args) if stated is None else stated


def local_paths(config: Config, out: Path) -> Iterator[str]:
    """Yields the paths that only this machine has, if workers are elsewhere, by what names them."""
    if shares_files(config):
        return
    data = config.data
    named = {f"data.{name}": getattr(data, name) for name in (*SPLITS, "daily")}
    paths = [(name, join(data.folder or "/", path)) for name, path in named.items() if path]
    for name, path in [*paths, ("items.file", config.items.file)]:
        if path and not is_uri(path):
            yield f"{name} {path}"
    yield f"the output folder {out}"


def problems(config: Config, out: Path, home: Path) -> list[str]:
    """Returns what is missing for the runner, as far as it shows without a job.

    Args:
      config: checked configuration.
      out: output folder.
      home: folder in which Beam keeps what it downloads.
    """
    flags = config.beam_pipeline_args
    found = [missing_prism(flags, home)]
    found += map(unreachable, servers(flags, config.beam.local_pool))
    if paths := list(local_paths(config, out)):
        found.append(
            f"the workers of {runner_name(flags)} do not have this machine's files: "
            f"{', '.join(paths)}. If all of them mount these folders under the same paths, set "
            "beam.shared_files to true; else run the pipeline on a cluster, see kubeflow/README.md"
        )
    return [problem for problem in found if problem]


def try_workers(config: Config, out: Path, environment: Mapping[str, str]) -> str:
    """Runs a trial job; returns why the workers are not usable, "" if they are.

    Args:
      config: checked configuration.
      out: output folder; workers must see a file in it.
      environment: environment of the process that starts the job.
    """
    minutes = config.beam.start_minutes
    with _marker(out, shares_files(config)) as (marker, content):
        wanted = {
            "flags": list(config.beam_pipeline_args),
            "minutes": minutes,
            "marker": marker,
            "content": content,
        }
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pipeline.beam.trial_job"],
                input=json.dumps(wanted),
                cwd=PROJECT,
                env=dict(environment),
                capture_output=True,
                text=True,
                timeout=minutes * 60 + _SPARE_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return f"the trial job could not be ended within {minutes:g} minutes"
    return _answer(done)


@contextlib.contextmanager
def _marker(out: Path, is_shared: bool) -> Iterator[tuple[str, str]]:
    """Keeps a file that workers must see while they are tried; yields its path and content."""
    if not is_shared:
        yield "", ""
        return
    content, file = secrets.token_hex(8), out / f".workers-{secrets.token_hex(4)}"
    file.write_text(content, encoding="utf-8")
    try:
        yield str(file), content
    finally:
        file.unlink(missing_ok=True)


def _answer(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-_TAIL_LINES:])
        return f"the trial job {describe_exit(done.returncode)}:\n{tail}"
    return str(json.loads(done.stdout.splitlines()[-1]))


def check(
    config: Config, out: Path, environment: Mapping[str, str], home: Path, trial: bool = True
) -> None:
    """Checks that a run with the configured runner can start.

    Args:
      config: checked configuration.
      out: output folder, which exists.
      environment: environment of the run.
      home: folder in which Beam keeps what it downloads.
      trial: whether to run a trial job on workers in other processes.

    Raises:
      RunnerError: something is missing; all that was found is listed.
    """
    flags = config.beam_pipeline_args
    found: Sequence[str] = problems(config, out, home)
    if not found and trial and not in_this_process(flags):
        answer = try_workers(config, out, environment)
        found = [answer] if answer else []
    if found:
        lines = "\n".join(f"  {problem}" for problem in found)
        raise RunnerError(f"Beam's {runner_name(flags)} is not ready:\n{lines}")
