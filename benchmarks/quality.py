"""Measures the model's quality: whole runs of a preset with several seeds, beside baselines.

    python benchmarks/quality.py retailrocket /folder/with/its/files
    python benchmarks/quality.py yoochoose /folder/with/its/files --seeds 1 2 3

All metrics are read from the `summary.json` of runs that this script starts, so they are the
Evaluator's on split test; the baselines are fitted and evaluated in the same runs. Rows are mean
and range over the seeds. GRU4Rec is not part of the pipeline: its row is the official code
(https://github.com/hidasib/GRU4Rec_PyTorch_Official and the TensorFlow one), run once by the same
protocol on the same files with its published parameters.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.preset_runs import COLUMNS, Summary, run_preset  # noqa: E402

GRU4REC = {
    "retailrocket": (0.334, 0.144, 0.386, 0.178),
    "yoochoose": (0.682, 0.361, 0.673, 0.372),
}


def table(preset: str, summaries: Sequence[Summary]) -> list[str]:
    """Returns the lines of a Markdown table."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, metrics in summaries[0]["baselines"].items():
        lines.append(_row(name, [f"{metrics[column]:.3f}" for column in COLUMNS]))
    if preset in GRU4REC:
        lines.append(_row("GRU4Rec, official code", [f"{value:.3f}" for value in GRU4REC[preset]]))
    ours = []
    for column in COLUMNS:
        values = [summary["metrics"][column] for summary in summaries]
        mean = sum(values) / len(values)
        ours.append(f"**{mean:.3f}** ({min(values):.3f} to {max(values):.3f})")
    name = f"this model, mean and range of {len(summaries)} seeds"
    return [*lines, _row(name, ours)]


def main() -> None:
    """Runs all seeds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("preset", help="name of a preset")
    parser.add_argument("data", type=Path, help="folder with the preset's files")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--set", action="append", default=[], help="SECTION.KEY=VALUE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        summaries = [
            run_preset(
                arguments.preset,
                arguments.data.absolute(),
                seed,
                arguments.set,
                Path(folder) / str(seed),
            )
            for seed in arguments.seeds
        ]
    seconds = [summary["seconds"]["total"] for summary in summaries]
    print("\n".join(table(arguments.preset, summaries)))
    print(
        f"\n{summaries[0]['metrics']['known/all/n']:,} steps; runs of {min(seconds):.0f} s or more"
    )


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
