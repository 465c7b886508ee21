"""Queries of a pushed model; loading one imports TensorFlow, and an index faiss."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modules.ann.pq_index import FaissMissingError, holds_index, require_faiss
from modules.config.options.releases import CANARY, STABLE
from modules.files.file_systems import FilePatternError
from modules.files.patterns import is_file, is_plain
from modules.releases.record import read_releases

SIGNATURE = "recommend"
# Sessions per call of a model: each takes memory for the scores of the whole catalogue.
SESSIONS_AT_ONCE = 64


class NoModelError(Exception):
    """There is no usable pushed model; the message says how to get one."""


class UnreadableReleasesError(NoModelError):
    """What was done to the releases is not known."""


class Recommendation(NamedTuple):
    """An item and the model's score for it; only the order of scores is meaningful."""

    item_id: str
    score: float


def newest_model(push_folders: Iterable[Path]) -> Path:
    """Returns the newest released model; versions are folders named by rising numbers.

    Raises:
      NoModelError: no folder contains a SavedModel.
    """
    return released_models(push_folders)[STABLE]


def released_models(push_folders: Iterable[Path]) -> dict[str, Path]:
    """Returns the newest released model as `stable`, and the one beside it that is on trial.

    Raises:
      NoModelError: no folder contains a SavedModel.
    """
    found = {folder: read_releases(str(folder)) for folder in push_folders}
    for folder, releases in found.items():
        if releases.unreadable:
            raise UnreadableReleasesError(
                f"{', '.join(releases.unreadable)} in {folder}_releases cannot be read: without it "
                "a version may serve that should not. Restore the file, or remove it."
            )
    versions = [
        version
        for folder, releases in found.items()
        for version in folder.glob("[0-9]*")
        if _is_version(version) and releases.is_released(version.name)
    ]
    if not versions:
        places = ", ".join(map(str, found)) or "output/*/pushed"
        raise NoModelError(
            f"No model has been pushed yet in {places}. `make run` trains one and pushes it if it "
            "is blessed; if that had OUT=folder, name the same folder with --out."
        )
    stable = max(versions, key=lambda version: int(version.name))
    canary = stable.parent / (found[stable.parent].canary or "")
    return {STABLE: stable, **({CANARY: canary} if _is_version(canary) else {})}


def _is_version(folder: Path) -> bool:
    return folder.name.isdecimal() and (folder / "saved_model.pb").is_file()


def load_model(folder: Path) -> Any:
    """Loads a SavedModel, or a model with an approximate index, which has the same interface.

    Raises:
      NoModelError: the folder contains none, or one that cannot recommend, or faiss is missing.
    """
    check_loadable(folder)
    from modules.ann.recommender import load_recommender

    check_whole(folder)
    try:
        model = load_recommender(str(folder))
    except Exception as error:  # TensorFlow, protobuf and faiss raise many kinds for damage.
        raise NoModelError(f"{folder} cannot be loaded: {error}") from error
    if SIGNATURE not in model.signatures:
        found = ", ".join(sorted(model.signatures)) or "none"
        raise NoModelError(f"{folder} has no signature {SIGNATURE!r}, but {found}.")
    return model


def check_whole(folder: Path | str) -> None:
    """Compares a model's files with its manifest.

    Raises:
      NoModelError: a file is damaged.
    """
    from modules.files.model_folder import model_damage

    if damage := model_damage(str(folder)):
        raise NoModelError(
            f"{folder} is damaged, {damage}. `make run` with the same OUT pushes the model again; "
            "or remove the folder, and the previous version is used."
        )


def check_loadable(folder: Path | str) -> None:
    """Checks quickly that a folder, or URI, contains a model and that its packages are installed.

    Raises:
      NoModelError: it does not, or one is missing.
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
        raise NoModelError(f"{folder} contains no SavedModel: it must have a saved_model.pb.")
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
      model: model from `load_model`.
      sessions: item ids of each session in time order, known to the model or not.
      count: most items per session, at most 100.
    """
    starts = range(0, len(sessions), SESSIONS_AT_ONCE)
    parts = (sessions[start : start + SESSIONS_AT_ONCE] for start in starts)
    return [row for part in parts for row in _recommend(model, part, count)]


def best_items(ids: Iterable[str], scores: Iterable[float], count: int) -> list[Recommendation]:
    """Returns the first recommendations of an answer; with few recommendable items, fewer."""
    found = [Recommendation(*pair) for pair in zip(ids, scores, strict=True)]
    return [one for one in found[:count] if one.item_id]


def _recommend(
    model: Any, sessions: Sequence[Sequence[str]], count: int
) -> list[list[Recommendation]]:
    import tensorflow as tf

    item_ids = tf.ragged.constant([list(items) for items in sessions], tf.string, ragged_rank=1)
    answer = model.signatures[SIGNATURE](item_ids=item_ids.to_tensor(""))
    rows = zip(answer["item_ids"].numpy(), answer["scores"].numpy().tolist(), strict=True)
    return [best_items(map(_text, ids), scores, count) for ids, scores in rows]


def _text(item_id: bytes) -> str:
    return item_id.decode("utf-8", "replace")


def known_items(folder: Path) -> tuple[str, ...]:
    """Returns the ids that a model knows, the most frequent first; none if it lists none."""
    from modules.files import model_folder

    return tuple(map(_text, model_folder.known_items(str(folder)) or ()))


def unknown_items(folder: Path, item_ids: Sequence[str]) -> list[str]:
    """Returns those of the items that a model does not know; none if it lists none."""
    known = set(known_items(folder))
    return [item_id for item_id in item_ids if known and item_id not in known]
