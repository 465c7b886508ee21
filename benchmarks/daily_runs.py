"""Runs the whole pipeline on each day of a log, as an operator would, and tabulates its history.

    python benchmarks/daily_runs.py retailrocket week1.tsv week2.tsv --out /tmp/days
    python benchmarks/daily_runs.py retailrocket train.tsv.gz --sessions-per-day 900 --days 21 ...

Days begin at 03:00 UTC, or are so many consecutive sessions. Each run trains on the 7 days before,
meets the model that serves at the preset's gate, and is pushed if it is blessed. `--set` takes
options of the pipeline, such as `trainer.selection_days=7 trainer.warm_start=true`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.child_process import child_process  # noqa: E402
from benchmarks.common.daily_sessions import WINDOW, add_log_arguments, days_of_log, write_days  # noqa: E402
from pipeline.history.columns import Row, metric_column  # noqa: E402
from pipeline.history.rows import read_history  # noqa: E402

METRICS = ("honest/all/recall@20", "honest/all/mrr@20")
MODELS = {"candidate": "model", "last_blessed": "the one that serves", "baseline": "STAN"}


def run_days(preset: str, folder: Path, first: int, last: int, out: Path, options: str) -> int:
    """Runs days in order, and returns the exit status; what is printed goes to stderr."""
    command = [sys.executable, "-m", "pipeline.cli", "day", "--preset", preset, "--out", str(out)]
    command += ["--data", f"{folder}/day-{{SPAN:4}}.tsv", "--window", str(WINDOW)]
    command += ["--from", str(first), "--to", str(last), "--set", options]
    with child_process(command, stdout=sys.stderr, cwd=PROJECT) as process:
        return int(process.wait())


def table(rows: Sequence[Row]) -> list[str]:
    """Returns the lines of a Markdown table: a row per run."""
    head = ["", *MODELS.values(), "verdict", "CPU s", "MB of disk more"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    before = 0
    for row in rows:
        size = row["disk_bytes"] or before
        cells = [f"day {row['day']}", *(_metrics(row, model) for model in MODELS)]
        cells += [row["verdict"], f"{row['cpu_seconds'] or 0:.0f}", f"{(size - before) / 1e6:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
        before = size
    return lines


def _metrics(row: Row, model: str) -> str:
    values: list[Any] = [row[metric_column(model, metric)] for metric in METRICS]
    if None in values:
        return "-"
    return " / ".join(f"{value:.3f}".lstrip("0") for value in values)


def main() -> None:
    """Cuts the log, runs its days, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_log_arguments(parser)
    parser.add_argument("--set", default="", help="options of the pipeline, name=value ...")
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    arguments = parser.parse_args()
    days = days_of_log(arguments)
    log = arguments.out / "log"
    write_days(days, log)
    out = arguments.out / "out"
    status = run_days(arguments.preset, log, arguments.first, len(days), out, arguments.set)
    print("\n".join(table(read_history(out).rows)))
    if status:
        raise subprocess.CalledProcessError(status, "session-retrieval day")


if __name__ == "__main__":
    main()
