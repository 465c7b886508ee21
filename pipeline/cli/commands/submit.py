"""`session-retrieval submit`: uploads, runs or schedules a compiled pipeline."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any

import click

from modules.messages.quoting import reason_of
from pipeline.cli.options import PATH, example, parameter_option
from pipeline.cluster import submit
from pipeline.cluster.submit import Request, SubmitError

_HOST = f"--host {submit.FORWARDED}"
_COMMON = (
    click.argument("file", type=PATH),
    click.option(
        "--host",
        envvar="KFP_HOST",
        show_envvar=True,
        default="",
        show_default=False,
        help="URL of the API",
    ),
    click.option("--token-file", type=PATH, help="bearer token  [default: KFP_TOKEN's]"),
    click.option("--namespace", help="namespace of a multi-user installation"),
    click.option("--name", help="name of the pipeline, or of the run"),
)
_OF_RUNS = (
    click.option("--experiment", default=Request.experiment, help="experiment of the runs"),
    click.option("--pipeline-root", help="root in place of the specification's"),
    click.option("--service-account", help="account of a run's pods"),
    click.option("--no-cache", is_flag=True, help="run every node"),
    parameter_option,
)


def _with(*options: Any) -> Any:
    """Returns a decorator that adds options in their order."""
    return lambda function: functools.reduce(lambda f, add: add(f), reversed(options), function)


@click.group(**example(f"submit run pipeline.yaml {_HOST}"))
def command() -> None:
    """Upload, run or schedule a compiled pipeline."""


@command.command(**example(f"submit upload pipeline.yaml {_HOST} --version v7"))
@_with(*_COMMON)
@click.option(
    "--version",
    help="name of the version  [default: the time; for a new pipeline, its name]",
)
def upload(**options: Any) -> int:
    """Upload the file as a version, of a new pipeline if need be."""
    return _submit(submit.upload, **options)


@command.command(**example(f"submit run pipeline.yaml {_HOST} --parameter max_epochs=3"))
@_with(*_COMMON, *_OF_RUNS)
def run(**options: Any) -> int:
    """Start a run."""
    return _submit(submit.run, **options)


@command.command(**example(f"submit schedule pipeline.yaml {_HOST} --cron '0 0 4 * * *'"))
@_with(*_COMMON, *_OF_RUNS)
@click.option("--cron", required=True, help="time: six fields, seconds first")
def schedule(**options: Any) -> int:
    """Schedule runs."""
    return _submit(submit.schedule, **options)


def _submit(action: submit.Action, token_file: Path | None, **options: Any) -> int:
    """Submits; returns 0, or 1 with the reason on stderr."""
    options["parameters"] = dict(options.get("parameters", ()))
    try:
        request = Request(token=_read_token(token_file), **options)
        print(f"{submit.submit(action, request)} was submitted")
    except SubmitError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _read_token(file: Path | None) -> str | None:
    """Returns the bearer token of the file, or of the environment.

    Raises:
      SubmitError: the file cannot be read.
    """
    if not file:
        return os.environ.get("KFP_TOKEN")
    try:
        return file.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SubmitError(f"--token-file cannot be read: {reason_of(error)}") from error
