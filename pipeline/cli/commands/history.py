"""`session-retrieval history`: the runs of an output folder, one line each."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from modules.files.mlmd_file import MetadataFileError
from pipeline.cli.browser import open_page
from pipeline.cli.options import example, newest_out, out_option
from pipeline.paths import METADATA_FILE


@click.command(**example("history --out output/sample"))
@out_option
@click.option("--json", "as_json", is_flag=True, help="print all values of each run as JSON")
@click.option("--open", "opens", is_flag=True, help="open the page with charts in a browser")
def command(out: Path | None, as_json: bool, opens: bool) -> int:
    """List an output folder's runs: verdict, metrics, push."""
    # Not at the top: the list of commands needs none of it.
    from pipeline.history.parquet_file import HISTORY_FILE
    from pipeline.history.rows import damage_line, read_history
    from pipeline.history.text_table import format_rows

    folder = newest_out(out, METADATA_FILE, HISTORY_FILE)
    history = read_history(folder)
    for name, reason in history.damaged.items():
        print(damage_line(name, reason), file=sys.stderr)
    if as_json:
        print(json.dumps(history.rows, indent=2, ensure_ascii=False))
        return 0
    if opens:
        return _open(folder, history.rows)
    if not history.rows:
        return _print_metadata(folder)
    print(format_rows(history.rows))
    return 0


def _open(folder: Path, rows: Sequence[dict[str, Any]]) -> int:
    """Writes the page, and opens it; returns the exit status."""
    if not rows:
        print(f"No run is recorded in {folder}: `make run` writes the page.", file=sys.stderr)
        return 1
    from pipeline.history.page import write_page

    return open_page(write_page(rows, folder))


def _print_metadata(folder: Path) -> int:
    """Prints the runs of former versions, which left no folders; returns the exit status."""
    from pipeline.history.metadata_table import format_history

    try:
        print(format_history(folder / METADATA_FILE))
    except MetadataFileError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
