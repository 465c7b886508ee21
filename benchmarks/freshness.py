"""Measures what new items cost: a test file is replayed in time order, in several ways to serve.

    python benchmarks/freshness.py retailrocket /folder/with/its/files
    python benchmarks/freshness.py retailrocket --run output/retailrocket

A run of the preset trains the model, or `--run` names the output folder of a finished one. Its test
sessions are then evaluated, step by step:

* `none`: items that the model does not know are ignored;
* `own-session`: those that the session has are recommended (`trainer.own_session_items`).

Both are of one model, whose `evaluate` returns the rank of each step with and without own items.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.preset_runs import run_preset  # noqa: E402
from modules.array_types import IntArray  # noqa: E402
from modules.evaluation.metric_names import headline_names  # noqa: E402
from modules.evaluation.metrics import (  # noqa: E402
    metrics_from_rank_histograms,
    rank_histograms,
)
from modules.sessions.examples import SessionBatch, read_batches  # noqa: E402

WAYS = ("none", "own-session")
COLUMNS = headline_names()
_SESSIONS_AT_ONCE = 256


class Replay(NamedTuple):
    """A model, and the sessions that are replayed.

    Attributes:
      model: folder of the SavedModel.
      sessions: folder of its test sessions' Examples.
    """

    model: Path
    sessions: Path

    @classmethod
    def of_run(cls, out: Path) -> Replay:
        """Returns the newest model of an output folder, and the test sessions beside it."""
        model = _newest(out, "Trainer/model/*/Format-Serving")
        return cls(model, _newest(out, "SessionExampleGen/examples/*/Split-test"))


def _newest(out: Path, pattern: str) -> Path:
    found = sorted(out.glob(f"artifacts/{pattern}"), key=lambda path: int(path.parent.name))
    if not found:
        raise SystemExit(f"{out} has no artifacts/{pattern}: name the output folder of a whole run")
    return found[-1]


def in_time_order(folder: Path) -> Iterator[list[bytes]]:
    """Yields serialized sessions by the time of their first event, some at once."""
    batches: list[SessionBatch] = list(read_batches(str(folder)))
    serialized = np.concatenate([batch.serialized for batch in batches])
    order = np.argsort(np.concatenate([batch.start_times for batch in batches]), kind="stable")
    for begin in range(0, len(order), _SESSIONS_AT_ONCE):
        yield serialized[order[begin : begin + _SESSIONS_AT_ONCE]].tolist()


def replay(found: Replay) -> dict[str, dict[str, float]]:
    """Returns the metrics of each way to serve, by its name."""
    model = tf.saved_model.load(str(found.model))
    evaluate = model.signatures["evaluate"]
    totals: dict[str, IntArray] = dict.fromkeys(WAYS, np.zeros((), np.int64))
    for sessions in in_time_order(found.sessions):
        outputs = evaluate(examples=tf.constant(sessions, tf.string))
        rank, known, without = (outputs[n].numpy() for n in ("rank", "known", "known_rank"))
        totals["none"] = totals["none"] + rank_histograms(without, known)
        totals["own-session"] = totals["own-session"] + rank_histograms(rank, known, without)
    return {way: metrics_from_rank_histograms(total) for way, total in totals.items()}


def table(metrics: dict[str, dict[str, float]]) -> list[str]:
    """Returns the lines of a Markdown table."""
    lines = ["| | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for way, values in metrics.items():
        lines.append(f"| {way} | " + " | ".join(f"{values[name]:.4f}" for name in COLUMNS) + " |")
    return lines


def main() -> None:
    """Runs the preset, unless that is done, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("preset", help="name of a preset")
    parser.add_argument("data", type=Path, nargs="?", help="folder with the preset's files")
    parser.add_argument("--run", type=Path, help="output folder of a finished run of the preset")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], help="SECTION.KEY=VALUE")
    arguments = parser.parse_args()
    if (arguments.data is None) == (arguments.run is None):
        parser.error("give the folder of the preset's files, or --run")
    with tempfile.TemporaryDirectory() as folder:
        out = arguments.run
        if out is None:
            out, data = Path(folder) / "run", arguments.data.absolute()
            run_preset(arguments.preset, data, arguments.seed, arguments.set, out)
        print("\n".join(table(replay(Replay.of_run(out)))))


if __name__ == "__main__":
    main()
