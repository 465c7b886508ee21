"""`session-retrieval refresh`: pushes the newest model with other recommendable items."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from modules.files.mlmd_file import MetadataFileError, check_metadata_file, holds_runs
from modules.files.text_file import TextFileError, read_text
from modules.messages.counting import counted
from pipeline.cli.options import FILE, example, find_pushed, number, out_option
from pipeline.cli.outcomes import record_refresh
from pipeline.cli.quiet import load_tensorflow, quieten
from pipeline.paths import Paths
from pipeline.run.run_folders import CONFIG_FILE
from serving.pushed_models import NoModelError, check_loadable


@click.command(**example("refresh --items in_stock.txt"))
@click.option(
    "--items", type=FILE, required=True, help="file of the recommendable item ids, one per line"
)
@out_option
@click.option(
    "--least-share",
    type=number(0, 1, "a number from 0 to 1", kind=float),
    default=0.5,
    help="share of the catalogue that must stay recommendable",
)
def command(items: Path, out: Path | None, least_share: float) -> int:
    """Restrict the newest model to a list of items, and push it."""
    quieten()
    began = time.time()
    try:
        base = find_pushed(out).absolute()
        check_loadable(base)
        # Here too, since the model takes seconds to load.
        read_text(items)
        metadata = Path(Paths.under(base.parents[1]).metadata)
        check_metadata_file(metadata)
        load_tensorflow()
        from serving.catalog_refresh import RefreshError, refresh

        try:
            done = refresh(base, items, base.parent, least_share)
        except RefreshError as error:
            print(error, file=sys.stderr)
            return 1
    except (NoModelError, TextFileError, MetadataFileError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Pushed   {done.folder}\nfrom     {done.base}")
    print(f"items    {done.offered:,} of {done.catalogue:,} of the catalogue are recommendable")
    print(f"changes  {done.gone:,} removed, {done.back:,} restored, in {done.seconds:.1f} s")
    if done.unknown:
        unknown = counted(done.unknown, "item")
        print(f"ignored  {unknown} of the list that the model was not trained on")
    if standing := _standing_list(base.parents[1]):
        print(
            f"standing {standing} is what the next push recommends again (serving.offer_file): "
            "change that list too"
        )
    record_refresh(base.parents[1], done, began)
    return _record_lineage(metadata, done, items)


def _standing_list(out: Path) -> str | None:
    """Returns the list that the last run's pushes follow, None if there is none."""
    from pipeline.config import ConfigError, load_config

    try:
        config = load_config(str(out / CONFIG_FILE), data=None)
    except ConfigError:
        return None
    return config.serving.offer_file


def _record_lineage(metadata: Path, done: Any, items: Path) -> int:
    """Records the refresh in the run's metadata, if it has any; returns the exit status."""
    try:
        if holds_runs(metadata):
            from serving.lineage import record

            print(f"lineage  execution {record(metadata, done, items)} in {metadata}")
    except MetadataFileError as error:
        print(f"The version was pushed, but its lineage was not recorded. {error}", file=sys.stderr)
        return 1
    return 0
