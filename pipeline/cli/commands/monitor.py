"""`session-retrieval monitor`: what the request log says of the served models."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from modules.config.overrides import split_overrides
from modules.files.patterns import absolute
from modules.sessions.sessions import SessionDataError
from pipeline.cli.browser import open_page
from pipeline.cli.exit_statuses import ExitStatus
from pipeline.cli.options import (
    FOLDER,
    example,
    newest_out,
    number,
    out_option,
    overrides_option,
)
from pipeline.cli.quiet import load_tensorflow
from pipeline.config import Config, ConfigError, load_config
from pipeline.paths import METADATA_FILE
from pipeline.run.launch import saved_config
from serving.logged_requests import PATTERN, log_files

_YEAR = 366 * 24


class NothingLoggedError(Exception):
    """There is no request to measure anything by; the message says where."""


@click.command(**example("monitor --requests requests/ --clicks clicks.tsv --out output/sample"))
@click.option("--requests", required=True, type=FOLDER, help="folder of the request log")
@click.option("--clicks", help="click log, or pattern of files, with what shoppers did")
@click.option("--shift", type=number(-_YEAR * 3600, _YEAR * 3600, "seconds, at most a year", float),
              default=0.0, help="seconds to add to the clicks' times")  # fmt: skip
@click.option("--hours", type=number(0.01, 10 * _YEAR, "from .01 hours to ten years", float),
              help="only the last hours of the request log  [all]")  # fmt: skip
@out_option
@click.option("--models", type=FOLDER, help="folder of the versions  [default: OUT/pushed]")
@click.option("--to", type=FOLDER, help="folder of the results  [default: OUT/monitor/<time>]")
@click.option("--preset", help="preset of columns and limits  [default: the run's own]")
@overrides_option
@click.option("--json", "as_json", is_flag=True, help="print all values as JSON")
@click.option("--open", "opens", is_flag=True, help="open the page in a browser")
def command(
    requests: Path,
    out: Path | None,
    models: Path | None,
    to: Path | None,
    as_json: bool,
    opens: bool,
    preset: str | None,
    overrides: tuple[str, ...],
    **given: Any,
) -> int:
    """Measure served models by the log of their requests."""
    load_tensorflow()
    out = _find_out(out, models, to)
    try:
        parts = [part for text in overrides for part in split_overrides(text)]
        saved = saved_config(out) if out else None
        config = load_config(preset or saved or "sample", parts, data=None)
        report = _measure(requests, out, models, config, **given)
        page = _write(report, config, out, to)
    except NothingLoggedError as error:
        print(error, file=sys.stderr)
        return ExitStatus.FAILED
    except (ConfigError, SessionDataError, ValueError) as error:
        print(error, file=sys.stderr)
        return ExitStatus.MISCONFIGURED
    _print(report, page, as_json)
    from pipeline.cli.outcomes import report_monitor

    report_monitor(config, out, report, page)
    opened = open_page(page) if opens else 0
    return opened or (ExitStatus.EXCEEDED if report["exceeded"] else ExitStatus.DONE)


def _find_out(out: Path | None, models: Path | None, to: Path | None) -> Path | None:
    """Returns the output folder; None if results and models have other places and it is not there.

    Raises:
      click.ClickException: there is none, though it is named, or needed for the results.
    """
    if out is None and models and to is None:
        raise click.UsageError("--models without --out needs --to: there is no OUT for the results")
    if out is None and models:
        return None
    try:
        return newest_out(out, METADATA_FILE)
    except click.ClickException:
        if out or to is None:
            raise
        return None


def _measure(
    folder: Path,
    out: Path | None,
    models: Path | None,
    config: Config,
    clicks: str | None,
    shift: float,
    hours: float | None,
) -> dict[str, Any]:
    """Returns all results.

    Raises:
      NothingLoggedError: the log has no request.
      SessionDataError: the clicks cannot be read.
      ValueError: the folder is not one, or a file of it cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f"--requests: {folder} is not a folder: name that of the request log.")
    files = log_files(folder)
    if not files:
        raise NothingLoggedError(f"--requests: {folder} has no {PATTERN}: nothing was logged yet.")
    # TensorFlow takes seconds to load: only now.
    from pipeline.monitor.report import make_report
    from pipeline.monitor.training_data import Models

    report = make_report(
        files,
        absolute(clicks, Path.cwd()) if clicks else None,
        Models(out, models),
        config,
        round(shift * 1000),
        hours,
    )
    if report is None:
        raise NothingLoggedError(f"--requests: {folder} has no whole row: nothing was logged yet.")
    return report


def _write(report: dict[str, Any], config: Config, out: Path | None, to: Path | None) -> Path:
    from pipeline.history.update import update_history
    from pipeline.monitor.page import render
    from pipeline.monitor.records import new_folder, write_report

    text = render(report, config.name)
    if to:
        to.mkdir(parents=True, exist_ok=True)
    assert to or out
    folder = to or new_folder(Path(str(out)))
    page = write_report(report, text, folder)
    for warning in update_history(out) if out and not to else []:
        print(warning, file=sys.stderr)
    return page


def _print(report: dict[str, Any], page: Path, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report, indent=2))
        return
    from pipeline.monitor.console import format_report

    print(f"{format_report(report)}\n\nPage: {page}")
