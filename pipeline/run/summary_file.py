"""The file with the summary of an output folder's newest run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.run.console_summary import format_report

FORMAT = 1
SUMMARY_FILE = "summary.json"


def write_summary(summary: Mapping[str, Any], out: Path) -> Path:
    """Writes `summary.json` atomically, and returns its path."""
    file = out / SUMMARY_FILE
    scratch = out / f".{SUMMARY_FILE}.new"
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    scratch.write_text(text + "\n", encoding="utf-8")
    scratch.replace(file)
    return file


def read_summary(out: Path) -> dict[str, Any]:
    """Returns the summary of the previous run, empty if there is none that can be read.

    What the report cannot be printed from is not whole.
    """
    try:
        summary: dict[str, Any] = json.loads((out / SUMMARY_FILE).read_text("utf-8"))
        if summary["format"] != FORMAT:
            return {}
        format_report(summary)
        os.fspath(summary["report"] or "")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return summary
