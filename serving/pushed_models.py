"""Asks a pushed model; TensorFlow is imported once a model is loaded, faiss with an index."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modules.ann.pq_index import FaissMissingError, holds_index, require_faiss
from modules.files.file_systems import FilePatternError
from modules.files.patterns import is_file, is_plain

SIGNATURE = "recommend"
# Sessions that a model scores at once: each takes memory for the scores of the whole catalogue.
SESSIONS_AT_ONCE = 64


class NoModelError(Exception):
    """There is no pushed model; the message says how to get one."""


class Recommendation(NamedTuple):
    """An item and the model's score for it; only the order of scores has a meaning."""

    item_id: str
    score: float


def newest_model(push_folders: Iterable[Path]) -> Path:
    """Returns the model that was pushed last; versions are folders named by a rising number.

    Raises:
      NoModelError: no folder holds a SavedModel.
    """
    folders = list(push_folders)
    versions = [
        version
        for folder in folders
        for version in folder.glob("[0-9]*")
        if version.name.isdecimal() and (version / "saved_model.pb").is_file()
    ]
    if not versions:
        places = ", ".join(map(str, folders)) or "output/*/pushed"
        raise NoModelError(
            f"No model has been pushed yet in {places}. `make run` trains one and pushes it if it "
            "is blessed; give the same OUT to both, or name a SavedModel with --model."
        )
    return max(versions, key=lambda version: int(version.name))


def load_model(folder: Path) -> Any:
    """Loads a SavedModel, or a model with an approximate index, which is asked alike.

    Raises:
      NoModelError: the folder holds none, or one that cannot recommend, or faiss is missing.
    """
    check_loadable(folder)
    from modules.ann.recommender import load_recommender

    check_whole(folder)
    try:
        model = load_recommender(str(folder))
    except Exception as error:  # TensorFlow, protobuf and faiss raise many kinds for a damaged one.
        raise NoModelError(f"{folder} cannot be loaded: {error}") from error
    if SIGNATURE not in model.signatures:
        found = ", ".join(sorted(model.signatures)) or "none"
        raise NoModelError(f"{folder} has no signature {SIGNATURE!r}, but {found}.")
    return model


def check_whole(folder: Path | str) -> None:
    """Compares a model's files with its manifest.

    Args:
      folder: also a URI.

    Raises:
      NoModelError: one is damaged.
    """
    from modules.files.model_metadata import model_damage

    damage = model_damage(str(folder))
    if damage:
        raise NoModelError(
            f"{folder} is damaged, {damage}. `make run` with the same OUT pushes the model again; "
            "or remove the folder, and the version before it is taken."
        )


def check_loadable(folder: Path | str) -> None:
    """Looks whether a folder holds a model and what it needs; takes no time on this machine.

    Args:
      folder: also a URI.

    Raises:
      NoModelError: it does not.
    """
    if not is_plain(str(folder)):
        raise NoModelError(
            f"TensorFlow cannot load a model with one of * ? [ \\ in its path, got {folder}: "
            "rename the folder, or name a link to it elsewhere."
        )
    try:
        is_there = is_file(os.path.join(folder, "saved_model.pb"))
        needs_faiss = is_there and holds_index(str(folder))
    except FilePatternError as error:
        raise NoModelError(f"{error}.") from error
    if not is_there:
        raise NoModelError(f"{folder} holds no SavedModel: it must contain saved_model.pb.")
    if needs_faiss:
        try:
            require_faiss()
        except FaissMissingError as error:
            raise NoModelError(str(error)) from error


def recommend(
    model: Any, sessions: Sequence[Sequence[str]], count: int
) -> list[list[Recommendation]]:
    """Returns the best items for each session, best first.

    Args:
      model: from `load_model`.
      sessions: item ids each, in time order; unknown ones are ignored by the model.
      count: most items per session; the model holds at most 100.
    """
    starts = range(0, len(sessions), SESSIONS_AT_ONCE)
    parts = (sessions[start : start + SESSIONS_AT_ONCE] for start in starts)
    return [row for part in parts for row in _recommend(model, part, count)]


def _recommend(
    model: Any, sessions: Sequence[Sequence[str]], count: int
) -> list[list[Recommendation]]:
    import tensorflow as tf

    item_ids = tf.ragged.constant([list(items) for items in sessions], tf.string, ragged_rank=1)
    answer = model.signatures[SIGNATURE](item_ids=item_ids.to_tensor(""))
    rows = zip(answer["item_ids"].numpy(), answer["scores"].numpy(), strict=True)
    return [
        [
            Recommendation(item_id.decode("utf-8", "replace"), float(score))
            for item_id, score in list(zip(ids, scores, strict=True))[:count]
            if item_id  # of a catalogue with too few items on offer the last places are empty
        ]
        for ids, scores in rows
    ]


def known_items(folder: Path) -> tuple[str, ...]:
    """Returns the ids that the model in the folder knows, the most frequent first, if it says."""
    from modules.files import model_metadata

    known = model_metadata.known_items(str(folder)) or ()
    return tuple(item_id.decode("utf-8", "replace") for item_id in known)


def unknown_items(folder: Path, item_ids: Sequence[str]) -> list[str]:
    """Returns those of the items that the model in the folder has never seen, if it lists them."""
    known = set(known_items(folder))
    return [item_id for item_id in item_ids if known and item_id not in known]
