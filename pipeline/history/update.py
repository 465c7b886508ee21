"""Brings the history of an output folder up to date, from the folders of its runs."""

from __future__ import annotations

from pathlib import Path

from modules.messages.quoting import first_line
from pipeline.history.page import write_page
from pipeline.history.parquet_file import write_rows
from pipeline.history.rows import damage_line, read_history


def update_history(out: Path) -> list[str]:
    """Writes `history.parquet` and `history.html`; returns a line for each thing that is wrong.

    A history that cannot be written fails no run.
    """
    try:
        history = read_history(out)
        write_rows(history.rows, out)
        if history.rows:
            write_page(history.rows, out)
    except Exception as error:
        return [f"Warning: the history in {out} was not updated: {first_line(error)}"]
    return [damage_line(folder, reason) for folder, reason in history.damaged.items()]
