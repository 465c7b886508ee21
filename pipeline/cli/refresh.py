"""`session-retrieval refresh`: pushes the newest model with another list of items."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from modules.files.metadata_file import MetadataFileError, check_metadata_file, holds_runs
from pipeline.cli.options import FILE, example, find_model, out_option, quieten
from pipeline.paths import Paths
from serving.pushed_models import NoModelError


@click.command(**example("refresh --items on_offer.txt"))
@click.option("--items", type=FILE, required=True, help="file of item ids, one a line")
@out_option
@click.option(
    "--least-share", type=float, default=0.5, help="share of the catalogue that must stay"
)
def command(items: Path, out: Path | None, least_share: float) -> int:
    """Push the newest model again, with another list of items."""
    quieten()
    try:
        base = find_model(None, out).absolute()
        metadata = Path(Paths.under(base.parents[1]).metadata)
        check_metadata_file(metadata)
        from serving.catalog_refresh import RenewalError, renew

        try:
            done = renew(base, items, base.parent, least_share)
        except RenewalError as error:
            print(error, file=sys.stderr)
            return 1
    except (NoModelError, MetadataFileError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Pushed   {done.folder}\nmade of  {done.base}")
    print(f"offered  {done.offered:,} of {done.catalogue:,} items of the catalogue")
    print(f"changed  {done.gone:,} gone, {done.back:,} back, in {done.seconds:.1f} s")
    if done.unknown:
        print(f"left out {done.unknown:,} items of the list that the model was not trained on")
    return _record_lineage(metadata, done, items)


def _record_lineage(metadata: Path, done: Any, items: Path) -> int:
    """Writes the renewal into the run's metadata, if there are any; returns the exit status."""
    try:
        if holds_runs(metadata):
            from serving.lineage import record

            print(f"lineage  execution {record(metadata, done, items)} in {metadata}")
    except MetadataFileError as error:
        print(f"The version is pushed, its lineage is not recorded. {error}", file=sys.stderr)
        return 1
    return 0
