"""`session-retrieval check`: compiled specifications against the rules of the backends."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import PATH, example
from pipeline.cluster.lint import check_files


@click.command(**example("check pipeline.yaml"))
@click.argument("files", nargs=-1, required=True, type=PATH)
def command(files: tuple[Path, ...]) -> int:
    """Check compiled specifications against the backends' rules."""
    return check_files(files)
