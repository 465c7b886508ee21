"""Copies of a pushed model that recommend other items, without training.

Only three variables of the SavedModel change: which items are recommendable, which of those are the
most popular, and that items which the model does not know are not, though a session has them: the
model cannot look them up in the list. Graph, towers and vectors stay the same, so a restored item
has the vector that it had. Files that do not change share their storage with the originals where
that is possible.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from modules.array_types import BoolArray
from modules.copies.model_variables import Variables, copy_without_variables
from modules.copies.offered_items import Offer, OfferError
from modules.files.model_folder import (
    RENEWAL_RECORD,
    SAVED_MODEL,
    learned_from,
    read_json,
    write_json,
    write_manifest,
)
from modules.messages.quoting import quote

_SIGNATURE = "recommend"
_CHECKED_SESSIONS = 50
_UNKNOWN = b"\xff unknown"
STANDING = "standing"
"""Key of the record: whether the list is the one that all pushes follow."""
TRAINED = "trained"
"""Key of the record: name of the version that this one was made from, through all refreshes."""
CLICKS = "clicks"
"""Key of the record of a version with the items of clicks: their number."""
EVENTS = "events"
"""Key of the record of a version with the items of clicks: events of training they count as."""
UNTIL = "until"
"""Key of the record of a version with the items of clicks: the time of the newest one, ms."""


class Counts(NamedTuple):
    """Numbers of items of a restricted model.

    Attributes:
      catalogue: items in the model's catalogue.
      offered: recommendable items.
      gone: items that were recommendable in the version before alone.
      back: items that are recommendable in the new version alone.
      unknown: listed items that are not in the catalogue.
    """

    catalogue: int
    offered: int
    gone: int
    back: int
    unknown: int


def write_restricted(
    model: str,
    variables: Variables,
    folder: str,
    offer: Offer,
    load: Callable[[str], Any],
    base: str | None = None,
    was: BoolArray | None = None,
    is_standing: bool = False,
) -> Counts:
    """Writes a copy of a model that recommends only what a list offers, and calls it.

    Args:
      model: folder of the model.
      variables: its variables; changed.
      folder: folder of the copy, without files; local or a URI.
      offer: the list.
      load: loads a model to call it.
      base: the version before, for the record; None for the model.
      was: what the version before recommends, bool `[catalogue]`; None for what the model does.
      is_standing: whether the list is the one that all pushes follow.

    Raises:
      OfferError: an answer of the copy is too short, or has an item that is not offered.
    """
    was = variables.recommendable() if was is None else was
    ids, offered = variables.ids, offer.offered
    variables.restrict(offered)
    copy_without_variables(model, folder)
    variables.write(folder)
    check_answers(load(folder), ids[offered])
    counts = Counts(
        catalogue=len(ids),
        offered=int(offered.sum()),
        gone=int((was & ~offered).sum()),
        back=int((~was & offered).sum()),
        unknown=offer.unknown,
    )
    trained = os.path.basename(trained_version(base or model))
    record = {"base": base or model, TRAINED: trained}
    record |= {"items": offer.items, "items_sha256": offer.digest}
    content = {**record, **counts._asdict(), STANDING: is_standing}
    write_json(folder, RENEWAL_RECORD, content)
    write_manifest(folder, learned_from(model))
    return counts


def check_answers(model: Any, offered: npt.NDArray[np.object_], own_items: bool = False) -> None:
    """Calls a model with recommendable items, an empty session and one of an unknown item.

    Args:
      model: loaded model.
      offered: ids of the recommendable items, bytes.
      own_items: whether it recommends items of the session that it does not know.

    Raises:
      OfferError: an answer is too short, or has an item that is not offered.
    """
    sessions = [b"", _UNKNOWN, *offered[:: max(1, len(offered) // _CHECKED_SESSIONS)]]
    answer = model.signatures[_SIGNATURE](item_ids=tf.constant(sessions)[:, None])
    allowed = {*offered, *([_UNKNOWN] if own_items else [])}
    for session, found in zip(sessions, answer["item_ids"].numpy(), strict=True):
        named = [item for item in found if item]
        if not set(named) <= allowed or len(named) < min(len(found), len(offered)):
            raise OfferError(
                f"The refreshed model answers {quote(session)} with too few items, or with items "
                "that are not on the list. It was not pushed."
            )


def read_restriction(folder: str) -> Mapping[str, Any] | None:
    """Returns the record of a restricted version: its base, list and counts; None without one."""
    try:
        return read_json(folder, RENEWAL_RECORD)
    except ValueError:
        return None


def trained_version(version: str) -> str:
    """Returns the version that a refreshed one was made from, through all refreshes between.

    Args:
      version: folder of a version. Its bases are looked for beside it, as the folder of all
        versions may have been moved; one that is gone ends the search.
    """
    folder, seen = os.path.dirname(version.rstrip("/")), {version}
    while True:
        record = read_restriction(version) or {}
        names = (os.path.basename(str(record.get(key))) for key in (TRAINED, "base"))
        bases = (os.path.join(folder, name) for name in names)
        found = next((base for base in bases if base not in seen and _is_model(base)), None)
        if found is None:
            return version
        seen.add(found)
        version = found


def _is_model(folder: str) -> bool:
    return bool(tf.io.gfile.exists(os.path.join(folder, SAVED_MODEL)))


def is_of_standing_list(folder: str) -> bool:
    """Returns whether a version was restricted by the list that all pushes follow."""
    return bool((read_restriction(folder) or {}).get(STANDING))
