"""`session-retrieval releases`: the pushed versions, and which of them serve."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import example, find_pushed, out_option, quieten
from pipeline.paths import Paths
from serving.pushed_models import NoModelError

if TYPE_CHECKING:
    from pipeline.releases.change import Writer

why_option = click.option("--why", default="", help="reason, which is kept")
by_option = click.option("--by", help="who does it  [the name of the user]")


@click.group(
    invoke_without_command=True,
    **example("releases rollback --out output/sample --why 'clicks fell'"),
)
@out_option
@click.option("--json", "as_json", is_flag=True, help="print all values of each version as JSON")
@click.pass_context
def command(context: click.Context, out: Path | None, as_json: bool) -> int:
    """List the pushed versions, or change which of them serves."""
    quieten()
    context.obj = out
    if context.invoked_subcommand:
        return 0
    from modules.releases.record import read_releases
    from pipeline.releases.overview import format_overview, read_overview

    try:
        folder = _folder(out)
    except NoModelError as error:
        print(error, file=sys.stderr)
        return 1
    found, releases = read_overview(folder), read_releases(Paths.under(folder).push_folder)
    for name in releases.unreadable:
        print(f"Warning: {name} is no action and was left out.", file=sys.stderr)
    print(json.dumps(found, indent=2) if as_json else format_overview(found, releases))
    return 0


def _folder(out: Path | None) -> Path:
    """Returns the output folder: the named one, else that of the newest pushed model."""
    return out or find_pushed(None).absolute().parents[1]


def _change(out: Path | None, by: str | None, why: str, change: Callable[[Writer], str]) -> int:
    from pipeline.releases.change import ReleaseError, Writer

    try:
        print(change(Writer(_folder(out), by or getpass.getuser(), why)))
    except (NoModelError, ReleaseError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _subcommand(text: str, has_version: bool = True) -> Callable[[Any], click.Command]:
    """Returns the decorator of a subcommand with its common options."""

    def decorate(function: Any) -> click.Command:
        for option in (click.pass_obj, out_option, by_option, why_option):
            function = option(function)
        if has_version:
            function = click.argument("version", required=False)(function)
        return command.command(text.split()[1], **example(text))(function)

    return decorate


@_subcommand("releases rollback --why 'clicks fell'")
def rollback(
    group: Path | None, version: str | None, why: str, by: str | None, out: Path | None
) -> int:
    """Serve an earlier version again: the named one, or the one before."""

    def change(writer: Writer) -> str:
        withdrawn = writer.rollback(version)
        return f"Withdrawn: {', '.join(withdrawn) or 'none'}"

    return _change(out or group, by, why, change)


@_subcommand("releases promote 1795672257")
def promote(
    group: Path | None, version: str | None, why: str, by: str | None, out: Path | None
) -> int:
    """Serve a version that is on trial, was held, or was withdrawn."""

    def change(writer: Writer) -> str:
        return f"Stable: {writer.promote(version)}"

    return _change(out or group, by, why, change)


@_subcommand("releases try 1795672257")
def try_out(
    group: Path | None, version: str | None, why: str, by: str | None, out: Path | None
) -> int:
    """Put a version on trial, by default the newest: the label canary."""

    def change(writer: Writer) -> str:
        return f"On trial: {writer.try_out(version)}"

    return _change(out or group, by, why, change)


@_subcommand("releases pause --why 'sale until Monday'", has_version=False)
def pause(group: Path | None, why: str, by: str | None, out: Path | None) -> int:
    """Push no new models until `resume`."""

    def change(writer: Writer) -> str:
        writer.pause()
        return "Pushing is paused."

    return _change(out or group, by, why, change)


@_subcommand("releases resume", has_version=False)
def resume(group: Path | None, why: str, by: str | None, out: Path | None) -> int:
    """Push new models again."""

    def change(writer: Writer) -> str:
        writer.resume()
        return "The next blessed model is pushed."

    return _change(out or group, by, why, change)
