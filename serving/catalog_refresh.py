"""Restricts or restores the recommendable items of a pushed model, without training.

Only two variables of the SavedModel change: which items are recommendable, and which of those are
the most popular. Graph, towers and vectors stay the same bytes, so a restored item has the vector
it had. Items that the model does not know need training.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.files.model_folder import MANIFEST, RENEWAL_RECORD, learned_from, write_manifest
from modules.files.text_file import TextFileError, read_ids
from modules.messages.quoting import quote
from modules.releases.versions import next_version
from modules.serving.exact_index import recommendable_in, with_recommendable
from serving.pushed_models import SIGNATURE, NoModelError, load_model

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_COLUMNS = f"_index/_columns{_VALUE}"
_POPULAR = f"_popular{_VALUE}"
_IDS = f"_catalogue_ids{_VALUE}"
_CHECKED_SESSIONS = 50

Variables = dict[str, Any]


class RefreshError(Exception):
    """The new model would not be usable; the message says why and how to fix it."""


class Refresh(NamedTuple):
    """The result of a refresh; its counts are numbers of items.

    Attributes:
      folder: folder of the new version.
      base: folder of the model from which it was made.
      catalogue: items in the model's catalogue.
      offered: recommendable items.
      gone: items that were recommendable in the base alone.
      back: items that are recommendable in the new version alone.
      unknown: listed items that are not in the catalogue.
      seconds: wall time.
    """

    folder: Path
    base: Path
    catalogue: int
    offered: int
    gone: int
    back: int
    unknown: int
    seconds: float


def refresh(base: Path, items: Path, push_folder: Path, least_share: float = 0.5) -> Refresh:
    """Pushes a new version that recommends only the items of a list.

    Args:
      base: folder of a pushed model.
      items: file of all recommendable item ids, one per line; it may be compressed.
      push_folder: folder of the new version, which is written atomically.
      least_share: share of the catalogue that must stay, as a guard against a truncated list.

    Raises:
      NoModelError: the base is not a model that can be refreshed.
      RefreshError: the list is not text, too few items would stay, or the new model fails a check.
    """
    began = time.monotonic()
    load_model(base)
    variables = _read(base)
    ids = variables[_key(variables, _IDS, base)]
    listed = _listed(items, frozenset(ids))
    offered = np.array([item in listed for item in ids], bool)
    if offered.mean() < least_share or not offered.any():
        raise RefreshError(
            f"Of the {len(ids):,} items of the catalogue {items} lists {offered.sum():,}, less "
            f"than the share {least_share:g} that must stay recommendable. If that is intended, "
            f"lower --least-share.{_first_unknown(listed, ids)}"
        )
    was = _change(variables, offered, base)
    version = Path(next_version(str(push_folder)))
    unfinished = push_folder / f".unfinished-{version.name}"
    try:
        _write(base, unfinished, variables)
        _check(unfinished, ids[offered])
        counts = {
            "catalogue": len(ids),
            "offered": int(offered.sum()),
            "gone": int((was & ~offered).sum()),
            "back": int((~was & offered).sum()),
            "unknown": len(listed) - int(offered.sum()),
        }
        digest = hashlib.sha256(items.read_bytes()).hexdigest()
        record = {"base": str(base), "items": str(items), "items_sha256": digest, **counts}
        (unfinished / RENEWAL_RECORD).parent.mkdir(exist_ok=True)
        text = json.dumps(record, indent=2) + "\n"
        (unfinished / RENEWAL_RECORD).write_text(text, encoding="utf-8")
        write_manifest(str(unfinished), learned_from(str(base)))
        unfinished.rename(version)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Refresh(version, base, seconds=time.monotonic() - began, **counts)


def _listed(items: Path, known: frozenset[bytes]) -> dict[bytes, None]:
    try:
        return read_ids(items, known)
    except TextFileError as error:
        raise RefreshError(f"{error}.") from error


def _first_unknown(listed: Iterable[bytes], ids: npt.NDArray[np.object_]) -> str:
    """Shows an unknown line: the list may have quotes, a second column, another encoding."""
    known = set(ids)
    unknown = next((item_id for item_id in listed if item_id not in known), None)
    return "" if unknown is None else f" Its first unknown line is {quote(unknown)}."


def _read(folder: Path) -> Variables:
    """Reads all variables of a SavedModel, by checkpoint key."""
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    return {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}


def _key(variables: Mapping[str, Any], end: str, folder: Path) -> str:
    found = [key for key in variables if key.endswith(end)]
    if len(found) != 1:
        raise NoModelError(
            f"{folder} cannot be refreshed: it was exported by another version of this package. "
            "Train and push a new one with `make run`."
        )
    return found[0]


def _change(
    variables: Variables, offered: npt.NDArray[np.bool_], folder: Path
) -> npt.NDArray[np.bool_]:
    """Changes the two variables; returns which items were recommendable before."""
    columns, popular = (_key(variables, end, folder) for end in (_COLUMNS, _POPULAR))
    was = recommendable_in(variables[columns], len(offered))
    variables[columns] = with_recommendable(variables[columns], offered)
    # The catalogue is in the order of popularity.
    best = np.flatnonzero(offered)[: len(variables[popular])].astype(np.int32)
    missing = len(variables[popular]) - len(best)
    variables[popular] = np.pad(best, (0, missing), constant_values=-1)
    return was


def _write(base: Path, folder: Path, variables: Variables) -> None:
    """Copies a SavedModel with other values of its variables, without the manifest and record."""
    of_base = map(os.path.basename, (RENEWAL_RECORD, MANIFEST))
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns("variables*", *of_base))
    (folder / "variables").mkdir()
    tf.raw_ops.SaveV2(
        prefix=str(folder / "variables" / "variables"),
        tensor_names=list(variables),
        shape_and_slices=[""] * len(variables),
        tensors=[tf.constant(value) for value in variables.values()],
    )


def _check(folder: Path, offered: npt.NDArray[np.object_]) -> None:
    """Calls the new model with recommendable items, and with an empty session.

    Raises:
      RefreshError: an answer is too short, or has an item that is not recommendable.
    """
    sessions = [b"", *offered[:: max(1, len(offered) // _CHECKED_SESSIONS)]]
    model = load_model(folder)
    answer = model.signatures[SIGNATURE](item_ids=tf.constant(sessions)[:, None])
    allowed = set(offered)
    for session, found in zip(sessions, answer["item_ids"].numpy(), strict=True):
        named = [item for item in found if item]
        if not set(named) <= allowed or len(named) < min(len(found), len(allowed)):
            raise RefreshError(
                f"The refreshed model answers {quote(session)} with too few items, or with items "
                "that are not on the list. It was not pushed."
            )
