"""An ablation study: one option at a time, evaluated on split eval.

    python benchmarks/ablation.py retailrocket /folder/with/its/files
    python benchmarks/ablation.py yoochoose /folder/with/its/files --seeds 1 2 --only "no GRU"

Every row is a whole run of the preset without refit, and its metrics are the Evaluator's; all runs
share one folder, so that only training and evaluation run again. Split test is not used.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.common.preset_runs import COLUMNS, run_preset  # noqa: E402

ON_EVAL = ("evaluation.split=eval", "trainer.refit=false")
SWITCHES: dict[str, tuple[str, ...]] = {
    "as shipped": (),
    "no score adjustments": (
        "trainer.current_item_penalty=0",
        "trainer.earlier_item_boost=0",
        "trainer.popularity_weight=0",
    ),
    "no popularity weight": ("trainer.popularity_weight=0",),
    "one ensemble member": ("model.ensemble_size=1",),
    "two ensemble members": ("model.ensemble_size=2",),
    "two members of 32 dimensions": ("model.ensemble_size=2", "model.embedding_dim=32"),
    "GRUs of 64 units": ("model.gru_units=64",),
    "no neighbors": ("model.num_neighbors=0",),
    "no averaged weights": ("trainer.weight_averaging=0",),
    "no copy term": ("model.copy_lags=0",),
    "no GRU": ("model.gru_units=0",),
    "no normalisation": ("model.normalize=false",),
    "reversed sessions too": ("trainer.reversed_sessions=true",),
    "no dropout": ("model.embedding_dropout=0", "model.output_dropout=0"),
    "no logQ correction": ("trainer.logq_correction=false",),
    "separate tables": ("model.shared_embedding=false",),
    "last item only as target": ("features.targets=last",),
    "in-batch negatives": ("trainer.loss=in_batch",),
    "full softmax": ("trainer.loss=full",),
    "2,048 negatives": ("trainer.num_negatives=2048",),
    "AdamW, weight decay .004": ("trainer.optimizer=adamw",),
}


def main() -> None:
    """Runs every option with every seed and prints a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("preset", help="name of a preset")
    parser.add_argument("data", type=Path, help="folder with the preset's files")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", choices=SWITCHES, default=list(SWITCHES))
    arguments = parser.parse_args()
    print("| | " + " | ".join(COLUMNS) + " | training, s |")
    print("|---" * (len(COLUMNS) + 2) + "|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            overrides = [*ON_EVAL, *SWITCHES[name]]
            summaries = [
                run_preset(
                    arguments.preset, arguments.data.absolute(), seed, overrides, Path(folder)
                )
                for seed in arguments.seeds
            ]
            rows = [[run["metrics"][column] for column in COLUMNS] for run in summaries]
            cells = [f"{sum(values) / len(values):.3f}" for values in zip(*rows, strict=True)]
            seconds = [run["seconds"]["nodes"]["Trainer"] for run in summaries]
            cells.append(f"{sum(seconds) / len(seconds):.0f}")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
