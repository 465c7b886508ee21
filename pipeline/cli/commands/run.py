"""`session-retrieval run`: runs the pipeline and tells what came of it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from modules.config.overrides import split_overrides
from modules.files.folders import output_folder
from modules.files.mlmd_file import check_metadata_file
from pipeline.beam import readiness
from pipeline.beam.preset_files import load_beam_preset
from pipeline.beam.prism import with_prism
from pipeline.beam.runners import in_this_process, runner_name
from pipeline.cli.exit_statuses import ExitStatus
from pipeline.cli.options import (
    TEXT,
    beam_option,
    example,
    fail_if_refused_option,
    overrides_option,
    wait_option,
)
from pipeline.cli.outcomes import record_failure, report_not_started, report_run
from pipeline.config import Config, ConfigError, choose_preset, load_config
from pipeline.data_files import DataPaths
from pipeline.paths import Paths
from pipeline.run import launch
from pipeline.run.failures import read_failure
from pipeline.run.lock import STARTING, BusyError, exclusive
from pipeline.run.summary_file import SUMMARY_FILE, read_summary


def configure(
    *,
    preset: str | None,
    paths: DataPaths,
    overrides: Sequence[str],
    out: str | None,
    beam: str | None = None,
) -> tuple[Config, Path]:
    """Returns the checked configuration and the output folder.

    Args:
      preset: name of a preset, or path of a YAML file; None for the one that fits the paths.
      paths: paths from the command line.
      overrides: `section.key=value ...` each.
      out: output folder; None for the preset's.
      beam: name of a Beam preset, or path of one; its values go before the overrides.

    Raises:
      ConfigError: the configuration is not usable, or needs a package that is not there.
      ValueError: the overrides cannot be split, or a run cannot work in the output folder.
    """
    parts = [part for text in overrides for part in split_overrides(text)]
    runner = load_beam_preset(beam).overrides() if beam else []
    config = load_config(choose_preset(preset, paths), [*runner, *parts], paths)
    launch.check_packages(config)
    config = dataclasses.replace(config, beam_pipeline_args=with_prism(config.beam_pipeline_args))
    return config, output_folder(out or launch.default_out(config.name))


def prepare(config: Config, out: Path, wait: bool = False) -> None:
    """Writes what a run needs into the output folder, if told so after another run's end.

    Raises:
      BusyError: another run uses the output folder.
      MetadataFileError: the metadata of earlier runs is damaged.
    """
    with exclusive(out, wait=wait):
        check_metadata_file(Paths.under(out).metadata)
        launch.save_config(config, out)
        if launch.make_sample_if_missing(config):
            print(f"Generated the bundled sample data in {config.data.folder}", flush=True)


def check_runner(config: Config, out: Path) -> None:
    """Checks that Beam's runner is ready; says so where that takes a job on its workers.

    Raises:
      RunnerError: it is not.
    """
    flags = config.beam_pipeline_args
    if in_this_process(flags):
        return
    name, began = runner_name(flags), time.monotonic()
    print(f"Trying the workers of {name} ... ", end="", flush=True)
    try:
        readiness.check(config, out, launch.child_environment(os.environ, out), Path.home())
    except readiness.RunnerError:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)


class Screen:
    """Shows what the pipeline prints, and keeps it.

    Attributes:
      shown: all of it.
    """

    def __init__(self) -> None:
        """Starts with nothing shown."""
        self.shown = ""

    def show(self, text: str) -> None:
        """Shows text at once."""
        self.shown += text
        sys.stdout.write(text)
        sys.stdout.flush()


def execute(config: Config, out: Path, environment: Mapping[str, str]) -> int:
    """Runs the pipeline; returns the exit status."""
    try:
        log, screen = launch.new_log(out), Screen()
    except OSError as error:
        return refuse(error, config, out)
    began = time.time()
    try:
        status = launch.run_pipeline(environment, log, screen.show)
    except SystemExit as stopped:  # by a signal, not by the user at the terminal
        record_failure(config, out, read_failure(screen.shown, signal_of(stopped)), began, log)
        raise
    if status:
        if screen.shown and not screen.shown.endswith("\n"):
            print()  # after the line of a node that was running
        print(launch.failure_text(screen.shown, log, status), flush=True)
        record_failure(config, out, read_failure(screen.shown, status), began, log)
        return ExitStatus.FAILED
    print(f"\nSummary: {out / SUMMARY_FILE}\nLog:     {log}", flush=True)
    report_run(config, out)
    return ExitStatus.DONE


def _not_writable(error: OSError) -> str:
    return f"Cannot write the outputs of a run: {error}. Name another folder with OUT=folder."


def execute_until_stopped(config: Config, out: Path) -> int:
    """Runs the pipeline; returns a status of its own if it is stopped or its output not read."""
    try:
        return execute(config, out, launch.child_environment(os.environ, out))
    except KeyboardInterrupt:
        print("\nStopped. Re-run the same command to resume.", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # `make run | head`: the reader has ended, so the run ends as well.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        return 128 + signal.SIGPIPE


def _stop(number: int, _: object) -> None:
    """Exits by an exception, so that the child processes end too."""
    sys.exit(128 + number)


def signal_of(stopped: SystemExit) -> int:
    """Returns the status of a process that the signal behind an exit of `_stop` ends."""
    return 128 - stopped.code if isinstance(stopped.code, int) else 1


def end_with_children() -> None:
    """Lets signals end this process in a way that ends its child processes too."""
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not with nohup
        signal.signal(signal.SIGHUP, _stop)
    # A shell lets what it starts in the background ignore SIGINT, and Python leaves that so.
    signal.signal(signal.SIGINT, signal.default_int_handler)


STOPPERS = (ConfigError, ValueError, BusyError, OSError)
"""What keeps a run from starting."""


def refuse(error: Exception, config: Config | None = None, out: Path | None = None) -> int:
    """Prints why a run cannot start, and returns its exit status.

    Args:
      error: one of `STOPPERS`.
      config: the configuration, None if it is not usable.
      out: output folder, None if it is unknown.
    """
    print(_not_writable(error) if isinstance(error, OSError) else error, file=sys.stderr)
    if isinstance(error, BusyError):
        return ExitStatus.BUSY
    report_not_started(error, config, out)
    return ExitStatus.MISCONFIGURED


def status_of_verdict(status: int, run: Path, fail_if_refused: bool) -> int:
    """Returns the exit status of a command whose run has this status.

    Args:
      status: status of the run itself.
      run: folder with the run's summary.
      fail_if_refused: whether a refused model is an exit status of its own.
    """
    if status or not fail_if_refused:
        return status
    from pipeline.history.rows import REFUSED, verdict_of

    verdict, _ = verdict_of(read_summary(run))
    return ExitStatus.REFUSED if verdict == REFUSED else status


@click.command(**example("run --preset sample --set trainer.seed=7"))
@click.option("--preset", type=TEXT, help="name of a preset, or path of a YAML file of that form")
@click.option("--data", type=TEXT, help="folder that contains the preset's files")
@click.option("--train", type=TEXT, help="train file or pattern, in place of the preset's")
@click.option("--eval", type=TEXT, help="eval file or pattern, in place of the preset's")
@click.option("--test", type=TEXT, help="test file or pattern, in place of the preset's")
@beam_option
@overrides_option
@click.option("--out", type=TEXT, help="folder of all outputs  [default: output/<preset>]")
@wait_option
@fail_if_refused_option
def command(
    preset: str | None,
    data: str | None,
    train: str | None,
    eval: str | None,
    test: str | None,
    beam: str | None,
    overrides: Sequence[str],
    out: str | None,
    wait: bool,
    fail_if_refused: bool,
) -> int:
    """Run the pipeline: click logs in, a pushed model out."""
    end_with_children()
    config, place = None, None
    with contextlib.ExitStack() as held:
        try:
            paths = DataPaths(data, train, eval, test)
            config, place = configure(
                preset=preset, paths=paths, overrides=overrides, out=out, beam=beam
            )
            held.enter_context(exclusive(place, STARTING, wait))
            prepare(config, place, wait)
            check_runner(config, place)
        except STOPPERS as error:
            return refuse(error, config, place or (Path(out) if out else None))
        return status_of_verdict(execute_until_stopped(config, place), place, fail_if_refused)
