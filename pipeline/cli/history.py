"""`session-retrieval history`: the runs of an output folder, from ML Metadata."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modules.files.mlmd_file import MetadataFileError
from pipeline.cli.options import example, newest_out, out_option
from pipeline.paths import METADATA_FILE


@click.command(**example("history --out output/sample"))
@out_option
def command(out: Path | None) -> int:
    """List an output folder's runs: verdict, metrics, push."""
    from pipeline.run.history import format_history

    try:
        print(format_history(newest_out(out, METADATA_FILE) / METADATA_FILE))
    except MetadataFileError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
