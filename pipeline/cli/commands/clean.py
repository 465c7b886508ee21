"""`session-retrieval clean`: removes what an output folder need not keep of earlier runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from modules.files.mlmd_file import MetadataFileError, holds_runs
from pipeline.cli.options import example, newest_out, out_option, overrides_option
from pipeline.cli.quiet import load_tensorflow
from pipeline.config import ConfigError, load_config
from pipeline.paths import METADATA_FILE, Paths
from pipeline.run.run_folders import CONFIG_FILE


@click.command(**example("clean --out output/sample --dry-run"))
@out_option
@overrides_option
@click.option("--dry-run", is_flag=True, help="list what would be removed, and remove nothing")
def command(out: Path | None, overrides: Sequence[str], dry_run: bool) -> int:
    """Remove what earlier runs left and nothing needs."""
    load_tensorflow()
    from pipeline.run.lock import STARTING, BusyError, exclusive
    from pipeline.run.mlmd import read_runs
    from pipeline.run.retention import remove_outdated

    folder = newest_out(out, METADATA_FILE)
    try:
        config = load_config(str(folder / CONFIG_FILE), overrides, data=None)
        with exclusive(folder, STARTING), exclusive(folder):
            metadata = Paths.under(folder).metadata
            newest = next(read_runs(metadata), None) if holds_runs(metadata) else None
            in_use = newest.folders() if newest else []
            removed = remove_outdated(folder, config.keep, in_use, dry_run)
    except (ConfigError, BusyError, MetadataFileError) as error:
        raise click.ClickException(str(error)) from error
    if dry_run:
        for path in removed.paths:
            print(path)
    text = removed.text()
    print(text.replace("Removed", "Would remove") if dry_run else text)
    return 0
