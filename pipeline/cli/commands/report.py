"""`session-retrieval report`: the summary of the last run of an output folder, again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.cli.browser import open_page
from pipeline.cli.options import example, newest_out, out_option
from pipeline.run.console_summary import format_report
from pipeline.run.summary_file import SUMMARY_FILE, read_summary


@click.command(**example("report --open"))
@out_option
@click.option("--open", "opens", is_flag=True, help="open the report page in a browser")
def command(out: Path | None, opens: bool) -> int:
    """Print the last run's summary again, or open its report."""
    folder = newest_out(out, SUMMARY_FILE)
    summary = read_summary(folder)
    if not summary:
        print(
            f"{folder / SUMMARY_FILE} is damaged or of another version: `make run` with the same "
            "OUT writes it again.",
            file=sys.stderr,
        )
        return 1
    print(f"{format_report(summary)}\n\nSummary: {folder / SUMMARY_FILE}")
    return _open(summary.get("report")) if opens else 0


def _open(page: str | None) -> int:
    """Opens the report page; returns the exit status."""
    if not page or not Path(page).is_file():
        print(
            f"The run has no report page{f', {page} is missing' if page else ''}.", file=sys.stderr
        )
        return 1
    return open_page(Path(page))
