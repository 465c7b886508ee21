"""`session-retrieval releases`: the pushed versions, and which of them serve."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import example, find_pushed, out_option
from pipeline.cli.quiet import load_tensorflow
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
    load_tensorflow()
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


def _add(
    name: str,
    help_text: str,
    options: str,
    act: Callable[[Writer, str | None], Sequence[str]],
    has_version: bool = True,
) -> None:
    """Adds a subcommand.

    Args:
      name: its name.
      help_text: what it does, a sentence.
      options: options of its example.
      act: makes the change with a version, None for the usual one; returns the changed versions.
      has_version: whether it takes a version.
    """

    def change(
        group: Path | None, out: Path | None, by: str | None, why: str, version: str | None = None
    ) -> int:
        from pipeline.cli.outcomes import record_release
        from pipeline.history.rows import CHANGES
        from pipeline.releases.change import ReleaseError, Writer

        who, what = by or getpass.getuser(), CHANGES[name]
        try:
            folder = _folder(out or group)
            versions = act(Writer(folder, who, why), version)
        except (NoModelError, ReleaseError) as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{what[0].upper()}{what[1:]}{''.join(f' {name}' for name in versions)}.")
        record_release(folder, what, versions, who, why)
        return 0

    decorated: Any = change
    for option in (click.pass_obj, out_option, by_option, why_option):
        decorated = option(decorated)
    if has_version:
        decorated = click.argument("version", required=False)(decorated)
    text = f"releases {name} {options}".strip()
    command.command(name, help=help_text, **example(text))(decorated)


_add(
    "rollback",
    "End a trial, or serve an earlier version again: the named one, or the one before.",
    "--why 'clicks fell'",
    lambda writer, version: writer.rollback(version),
)
_add(
    "promote",
    "Serve a version that is on trial, was held, or was withdrawn.",
    "1795672257",
    lambda writer, version: [writer.promote(version)],
)
_add(
    "try",
    "Put a version on trial, by default the newest: the label canary.",
    "1795672257",
    lambda writer, version: [writer.try_out(version)],
)
_add(
    "pause",
    "Push no new models until `resume`.",
    "--why 'sale until Monday'",
    lambda writer, _: writer.pause(),
    has_version=False,
)
_add("resume", "Push new models again.", "", lambda writer, _: writer.resume(), has_version=False)
