"""Measures the memory of a server's process that switches to new models again and again.

    python benchmarks/switching.py                  # 30 switches
    python benchmarks/switching.py --keep-tables    # as TensorFlow loads models

Copies of an untrained model of 37,000 items are pushed one after another, and loaded as the server
does. Towers are small, so that what stays of a dropped model is mostly its table of ids.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import modules  # noqa: E402, F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip  # noqa: E402

from modules.config.options.model import ModelOptions  # noqa: E402
from modules.config.options.trainer import TrainerOptions  # noqa: E402
from modules.data.item_indices import FIRST_ITEM  # noqa: E402
from modules.data.vocabulary import Vocabulary  # noqa: E402
from modules.files.model_folder import ITEM_LIST, write_manifest  # noqa: E402
from modules.model.two_tower import TwoTower  # noqa: E402
from modules.serving.recommender import export  # noqa: E402
from serving import pushed_models  # noqa: E402
from serving.server.model_store import ModelStore  # noqa: E402

_BEGIN = 3  # switches before memory counts: TensorFlow's own grows with the first models


def write_model(folder: Path, items: int) -> None:
    """Exports an untrained model of so many items."""
    counts = np.arange(items, 0, -1)
    options = ModelOptions(ensemble_size=1, embedding_dim=8, gru_units=8)
    of_all = tf.constant(np.concatenate([np.zeros(FIRST_ITEM, np.int64), counts]))
    model = TwoTower(of_all, options, TrainerOptions())
    model.query_tower(tf.constant([[FIRST_ITEM]]))
    ids = np.array([b"item number %d" % number for number in range(items)], object)
    scratch = folder.with_name("ids") / ITEM_LIST
    scratch.parent.mkdir(parents=True)
    export(model, Vocabulary(ids, counts, items), 10, str(scratch), str(folder))
    write_manifest(str(folder), "made up")


def resident_bytes() -> int:
    """Returns the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """Prints the growth of the process in MB."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--switches", type=int, default=30)
    parser.add_argument("--keep-tables", action="store_true", help="free no table of ids")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        versions = Path(scratch, "pushed")
        write_model(versions / "1", arguments.items)
        if arguments.keep_tables:
            from modules.ann import recommender

            recommender.free_tables_with = lambda model: model  # type: ignore[attr-defined]
        store = ModelStore(lambda: pushed_models.released_models([versions]))
        for number in range(2, 2 + arguments.switches):
            shutil.copytree(versions / "1", versions / str(number))
            while store.current.version < number:
                store.refresh()
            store.refresh()  # frees the one before
            megabytes = resident_bytes() / 1e6
            if number == 1 + _BEGIN:
                begin = megabytes
            if number > 1 + _BEGIN and number % 3 == 1:
                print(f"{number - 1} switches: {megabytes - begin:+.1f} MB", flush=True)


if __name__ == "__main__":
    main()
