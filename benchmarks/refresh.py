"""Measures a refresh of a large model from clicks, by the command, and its parts.

    python benchmarks/refresh.py                      # 37,000 items and 5,000 new ones
    python benchmarks/refresh.py --items 100000 --new 10000

An untrained model in the shape of the preset `retailrocket` is pushed; sessions of its items with
new ones between them are the clicks. `command` is `session-retrieval refresh --sessions`, a process
from its start to its end, on the machine as it is: beside wall time stands CPU time, which other
processes hardly change. Its parts are measured in a second refresh, whose process times the
functions that it calls.
"""

from __future__ import annotations

import argparse
import functools
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

MEMBERS, DIMENSIONS, MAX_CONTEXT = 4, 64, 20
_BEGIN = 1_442_000_000  # seconds since 1970
_PARTS = {
    "read_recent_clicks": "read the clicks",
    "load_model": "load models",
    "find_additions": "find new items and their neighbors",
    "Variables": "read variables",
    "grow": "grow variables",
    "write_grown": "write copies",
    "write_manifest": "write manifests",
    "replay_warmup_requests": "warm up",
    "check_answers": "check answers",
    "_found": "evaluate later clicks",
    "timed": "time calls",
}


def write_model(folder: Path, items: int) -> None:
    """Exports an untrained model of so many items, with what Trainer leaves beside it."""
    import modules  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

    import numpy as np  # isort: skip
    import tensorflow as tf  # isort: skip

    from modules.config.options.model import ModelOptions
    from modules.config.options.trainer import TrainerOptions
    from modules.data.item_indices import FIRST_ITEM
    from modules.data.vocabulary import Vocabulary
    from modules.files.learned_data import LearnedData, write_learned
    from modules.files.model_folder import ITEM_LIST, write_manifest
    from modules.model.two_tower import TwoTower
    from modules.serving.recommender import export
    from modules.serving.score_adjustments import SessionAdjustments
    from modules.serving.warmup_requests import write_warmup_requests
    from modules.training.score_adjustment_search import ScoreAdjustments
    from modules.training.selection_record import Origin, Selection, write_selection

    counts = np.sort(np.random.default_rng(0).zipf(1.5, items).clip(1, 5_000))[::-1]
    shape = ModelOptions(ensemble_size=MEMBERS, embedding_dim=DIMENSIONS)
    of_all = tf.constant(np.concatenate([np.zeros(FIRST_ITEM, np.int64), counts]))
    model = TwoTower(of_all, shape, TrainerOptions())
    model.query_tower(tf.constant([[FIRST_ITEM]]))
    ids = np.array([b"%d" % number for number in range(items)], object)
    scratch = folder.with_name("ids") / ITEM_LIST
    scratch.parent.mkdir(parents=True)
    vocabulary, seen = Vocabulary(ids, counts, items), SessionAdjustments(2.0, 1.0)
    export(model, vocabulary, MAX_CONTEXT, str(scratch), str(folder), seen)
    write_warmup_requests(str(folder), [ids[:3].tolist()])
    selection = Selection(1, ScoreAdjustments(seen, 0.3), 0.5, 0.2)
    write_selection(str(folder), selection, Origin("made up", False, 0))
    learned = LearnedData(("train",), 1, 2, items, 0, 0, (_BEGIN - 1) * 1000, "made up")
    write_learned(str(folder), learned)
    write_manifest(str(folder), "made up")


def write_clicks(file: Path, items: int, new: int) -> None:
    """Writes sessions of two known items with a new one between them, and known ones behind."""
    with file.open("w", encoding="utf-8") as log:
        log.write("SessionId\tItemId\tTime\n")
        for number in range(new):
            known = [(number * step) % items for step in (3, 5, 7, 11)]
            clicked = [known[0], f"new-{number}", *known[1:]]
            for step, item in enumerate(clicked):
                log.write(f"{number}\t{item}\t{_BEGIN + 60 * number + step}\n")


class Times:
    """Wall and CPU seconds of functions, by name, without those of timed functions inside."""

    def __init__(self) -> None:
        """Begins with none."""
        self.found: dict[str, list[float]] = {}
        self._inside = [[0.0, 0.0]]

    def of(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Returns the function, timed."""

        @functools.wraps(function, updated=())
        def timed(*arguments: Any, **named: Any) -> Any:
            began = (time.perf_counter(), time.process_time())
            self._inside.append([0.0, 0.0])
            try:
                return function(*arguments, **named)
            finally:
                took = (time.perf_counter() - began[0], time.process_time() - began[1])
                inside = self._inside.pop()
                total = self.found.setdefault(name, [0.0, 0.0])
                for place in (0, 1):
                    total[place] += took[place] - inside[place]
                    self._inside[-1][place] += took[place]

        return timed


def print_parts(arguments: list[str]) -> None:
    """Refreshes in this process, and prints the times of its parts."""
    began, times = (time.perf_counter(), time.process_time()), Times()

    def imports() -> None:
        import pipeline.refresh.from_clicks  # noqa: F401
        import serving.click_refresh  # noqa: F401

    times.of("import TensorFlow and TFX", imports)()
    from pipeline.cli.main import main as command
    from pipeline.refresh import from_clicks
    from serving import click_refresh

    for name, words in _PARTS.items():
        for module in (from_clicks, click_refresh):
            if hasattr(module, name):
                setattr(module, name, times.of(words, getattr(module, name)))
    if status := command(arguments):
        raise SystemExit(status)
    whole = (time.perf_counter() - began[0], time.process_time() - began[1])
    known = [sum(column) for column in zip(*times.found.values(), strict=True)]
    times.found["all else"] = [whole[place] - known[place] for place in (0, 1)]
    for name, (wall, cpu) in sorted(times.found.items(), key=lambda part: -part[1][1]):
        print(f"{name:36}{wall:8.1f}{cpu:8.1f}")


def main() -> None:
    """Prints the seconds of the command and of its parts."""
    if sys.argv[1:2] == ["--parts"]:
        return print_parts(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--new", type=int, default=5_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out, log = Path(scratch, "out"), Path(scratch, "clicks.tsv")
        write_model(out / "pushed" / "1", given.items)
        write_clicks(log, given.items, given.new)
        words = ["refresh", "--sessions", str(log), "--out", str(out), "--least-share", "0"]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "pipeline.cli", *words], cwd=PROJECT, check=True)
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"{'seconds':36}{'wall':>8}{'CPU':>8}\n{'command':36}{wall:8.1f}{cpu:8.1f}", flush=True
        )
        write_clicks(log, given.items, given.new + 1)
        again = [sys.executable, __file__, "--parts", *words]
        subprocess.run(again, cwd=PROJECT, check=True)


if __name__ == "__main__":
    main()
