"""Measures what properties of items add: whole runs with and without `model.item_features`.

    python benchmarks/item_features.py /folder --columns category parent_category
    python benchmarks/item_features.py /folder --columns category --on eval --seeds 1

The folder has `train.tsv.gz` and `test.tsv.gz`, click logs, and `items.tsv.gz`, with a row per item
under its `item_id`. Both models, with equal seeds, have the same data, and their metrics are the
Evaluator's on split test, or on eval to choose by. The last columns are of the steps whose target
has fewer than four events in training.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.preset_runs import COLUMNS, Summary, run_preset  # noqa: E402

ON_EVAL = ("evaluation.split=eval", "trainer.refit=false")
RARE = "target_count=1..3"
BUCKETS = "evaluation.target_count_buckets=[0,3]"


def values_of(summary: Summary) -> list[float]:
    """Returns the metrics of a run: those of all known steps, then those of rare targets."""
    rare = summary["slices"][RARE]
    return [
        *(summary["metrics"][column] for column in COLUMNS),
        *(rare[column] for column in COLUMNS[:2]),
    ]


def row(name: str, runs: Sequence[Sequence[float]]) -> str:
    """Returns a line of a Markdown table: means over runs, and their range."""
    cells = [
        f"{sum(values) / len(values):.3f} ({min(values):.3f} to {max(values):.3f})"
        for values in zip(*runs, strict=True)
    ]
    return "| " + " | ".join([name, *cells]) + " |"


def differences(
    one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]
) -> list[list[float]]:
    """Returns how much the second of two runs with one seed has more, metric by metric."""
    return [[b - a for a, b in zip(*pair, strict=True)] for pair in zip(one, other, strict=True)]


def main() -> None:
    """Runs both models with all seeds and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with the files")
    parser.add_argument("--columns", nargs="+", required=True, help="columns of items.tsv.gz")
    parser.add_argument("--preset", default="custom")
    parser.add_argument("--on", choices=["test", "eval"], default="test")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--set", action="append", default=[], help="SECTION.KEY=VALUE")
    arguments = parser.parse_args()
    data = arguments.data.absolute()
    common = [
        *("data.train=train.tsv.gz", "data.test=test.tsv.gz", BUCKETS),
        *(ON_EVAL if arguments.on == "eval" else ()),
        *arguments.set,
    ]
    features = [
        f"items.file={data / 'items.tsv.gz'}",
        f"model.item_features={json.dumps(arguments.columns)}",
    ]
    found: dict[str, list[list[float]]] = {"without": [], "with item features": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.seeds:
            for name, overrides in zip(found, ([], features), strict=True):
                place = Path(folder) / name.split()[0]
                summary = run_preset(arguments.preset, data, seed, [*common, *overrides], place)
                found[name].append(values_of(summary))
    heads = ["", *COLUMNS, *(f"{column}, {RARE}" for column in COLUMNS[:2])]
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for name, runs in found.items():
        print(row(name, runs))
    print(row("more", differences(*found.values())))


if __name__ == "__main__":
    main()
