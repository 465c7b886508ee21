"""Training states as files: an array each, their meaning in a JSON file, and their digests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.files import file_digests
from modules.training.kept_weights import DIGESTS, damage_of
from modules.training.training_state import TrainingState

_STATE = "state.json"
_ITEM_IDS = "item_ids.txt"


def write_state(state: TrainingState, folder: str) -> None:
    """Writes a state into a folder, the digests last: a folder with them is complete."""
    tf.io.gfile.makedirs(folder)
    for kind in ("weights", "slots"):
        for number, values in enumerate(getattr(state, kind)):
            with tf.io.gfile.GFile(_array_file(folder, kind, number), "wb") as file:
                np.lib.format.write_array(file, np.asarray(values), allow_pickle=False)
    with tf.io.gfile.GFile(os.path.join(folder, _ITEM_IDS), "wb") as file:
        file.write(b"\n".join(state.item_ids))
    about = {
        "shape": state.shape,
        "optimizer": state.optimizer,
        "iteration": state.iteration,
        "weights": len(state.weights),
        "slots": len(state.slots),
    }
    _write_json(os.path.join(folder, _STATE), about)
    digests = file_digests.folder_digests(folder)
    _write_json(os.path.join(folder, DIGESTS), file_digests.as_json(digests))


def read_state(folder: str) -> TrainingState:
    """Reads what `write_state` wrote.

    Raises:
      ValueError: a file is missing or damaged.
    """
    if damage := damage_of(folder):
        raise ValueError(damage)
    about = _read_json(os.path.join(folder, _STATE))
    with tf.io.gfile.GFile(os.path.join(folder, _ITEM_IDS), "rb") as file:
        item_ids = np.array(file.read().split(b"\n"), object)
    return TrainingState(
        item_ids,
        about["shape"],
        tuple(_read_arrays(folder, "weights", about["weights"])),
        about["optimizer"],
        about["iteration"],
        tuple(_read_arrays(folder, "slots", about["slots"])),
    )


def state_digest(folder: str) -> str:
    """Returns a digest of the state in a folder that `read_state` could read."""
    return file_digests.file_digest(os.path.join(folder, DIGESTS)).sha256


def _array_file(folder: str, kind: str, number: int) -> str:
    return os.path.join(folder, f"{kind}-{number:03d}.npy")


def _read_arrays(folder: str, kind: str, count: int) -> Iterator[npt.NDArray[Any]]:
    for number in range(count):
        with tf.io.gfile.GFile(_array_file(folder, kind, number), "rb") as file:
            yield np.lib.format.read_array(file, allow_pickle=False)


def _write_json(path: str, content: Any) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(content))


def _read_json(path: str) -> Any:
    with tf.io.gfile.GFile(path, "r") as file:
        return json.loads(file.read())
