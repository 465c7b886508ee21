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
from modules.files.local_copies import copy_file
from modules.files.model_folder import (
    MANIFEST,
    RENEWAL_RECORD,
    learned_from,
    read_json,
    write_json,
    write_manifest,
)
from modules.messages.quoting import quote
from modules.offers.offered_items import Offer, OfferError
from modules.serving.exact_index import recommendable_in, with_recommendable

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_COLUMNS = f"_index/_columns{_VALUE}"
_POPULAR = f"_popular{_VALUE}"
_OWN_ITEMS = f"_recommends_own_items{_VALUE}"
_IDS = f"_catalogue_ids{_VALUE}"
_VARIABLES = "variables"
_SIGNATURE = "recommend"
_CHECKED_SESSIONS = 50
_UNKNOWN = b"\xff unknown"
_STANDING = "standing"


class OldModelError(Exception):
    """A model was exported by a version of this package whose variables are not known."""


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


class Variables:
    """The variables of a SavedModel, as they are in its checkpoint."""

    def __init__(self, folder: str) -> None:
        """Reads them from a model's folder, local or at a URI.

        Raises:
          OldModelError: the model lacks a variable that a restriction needs.
        """
        reader = tf.train.load_checkpoint(os.path.join(folder, _VARIABLES, _VARIABLES))
        names = list(reader.get_variable_to_shape_map())
        self._values = {name: reader.get_tensor(name) for name in names}
        self._columns, self._popular, self._ids = (
            _key(self._values, end, folder) for end in (_COLUMNS, _POPULAR, _IDS)
        )

    @property
    def ids(self) -> npt.NDArray[np.object_]:
        """Item ids of the catalogue, bytes `[catalogue]`, in the order of popularity."""
        found: npt.NDArray[np.object_] = self._values[self._ids]
        return found

    def recommendable(self) -> BoolArray:
        """Returns which items are recommendable, bool `[catalogue]`."""
        return recommendable_in(self._values[self._columns], len(self.ids))

    def restrict(self, offered: BoolArray) -> None:
        """Makes other items recommendable, bool `[catalogue]`."""
        values, popular = self._values, self._values[self._popular]
        values[self._columns] = with_recommendable(values[self._columns], offered)
        best = np.flatnonzero(offered)[: len(popular)].astype(np.int32)
        values[self._popular] = np.pad(best, (0, len(popular) - len(best)), constant_values=-1)
        for name in values:  # none in a model that ignores unknown items
            if name.endswith(_OWN_ITEMS):
                values[name] = np.array(False)

    def write(self, folder: str) -> None:
        """Writes the checkpoint into a model's folder that has none."""
        tf.io.gfile.makedirs(os.path.join(folder, _VARIABLES))
        tf.raw_ops.SaveV2(
            prefix=os.path.join(folder, _VARIABLES, _VARIABLES),
            tensor_names=list(self._values),
            shape_and_slices=[""] * len(self._values),
            tensors=[tf.constant(value) for value in self._values.values()],
        )


def _key(values: Mapping[str, Any], end: str, folder: str) -> str:
    found = [key for key in values if key.endswith(end)]
    if len(found) != 1:
        raise OldModelError(
            f"{folder} cannot be refreshed: it was exported by another version of this package. "
            "Train and push a new one with `make run`."
        )
    return found[0]


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
    _copy_the_rest(model, folder)
    variables.write(folder)
    _check(load(folder), ids[offered])
    counts = Counts(
        catalogue=len(ids),
        offered=int(offered.sum()),
        gone=int((was & ~offered).sum()),
        back=int((~was & offered).sum()),
        unknown=offer.unknown,
    )
    record = {"base": base or model, "items": offer.items, "items_sha256": offer.digest}
    content = {**record, **counts._asdict(), _STANDING: is_standing}
    write_json(folder, RENEWAL_RECORD, content)
    write_manifest(folder, learned_from(model))
    return counts


def _copy_the_rest(model: str, folder: str) -> None:
    """Copies a model without its variables, manifest and record."""
    left_out = {RENEWAL_RECORD, MANIFEST}
    for parent, _, names in tf.io.gfile.walk(model):
        for name in names:
            path = os.path.join(parent, name)
            place = os.path.relpath(path, model)
            if place not in left_out and not place.startswith(f"{_VARIABLES}{os.sep}"):
                copy_file(path, os.path.join(folder, place))


def _check(model: Any, offered: npt.NDArray[np.object_]) -> None:
    """Calls a model with recommendable items, an empty session and one of an unknown item."""
    sessions = [b"", _UNKNOWN, *offered[:: max(1, len(offered) // _CHECKED_SESSIONS)]]
    answer = model.signatures[_SIGNATURE](item_ids=tf.constant(sessions)[:, None])
    allowed = set(offered)
    for session, found in zip(sessions, answer["item_ids"].numpy(), strict=True):
        named = [item for item in found if item]
        if not set(named) <= allowed or len(named) < min(len(found), len(allowed)):
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


def is_of_standing_list(folder: str) -> bool:
    """Returns whether a version was restricted by the list that all pushes follow."""
    return bool((read_restriction(folder) or {}).get(_STANDING))
