"""The items of a model's catalogue that a list offers, and the list's state for TFX's cache.

Items that the model does not know need training; they are counted and left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from modules.array_types import BoolArray
from modules.files.file_systems import place_of, tensorflow_schemes
from modules.files.text_file import TextFileError, ids_of, read_bytes
from modules.messages.quoting import quote

MISSING = "missing"
"""State of a list that cannot be read."""


class OfferError(Exception):
    """A list cannot be used, or a model made by it; the message says why and how to fix it."""


class Offer(NamedTuple):
    """What a list offers of a catalogue.

    Attributes:
      items: path or URI of the list.
      digest: SHA-256 of the file, hex.
      offered: which items of the catalogue it lists, bool `[catalogue]`.
      unknown: number of listed items that are not in the catalogue.
    """

    items: str
    digest: str
    offered: BoolArray
    unknown: int


def read_offer(
    items: str, ids: npt.NDArray[np.object_], least_share: float, relaxing: str
) -> Offer:
    """Reads a list of all recommendable item ids.

    Args:
      items: path or URI of the list, one id per line; it may be compressed.
      ids: item ids of the catalogue, bytes `[catalogue]`.
      least_share: share of the catalogue that must be listed, as a guard against a truncated list.
      relaxing: name of the option that sets this share.

    Raises:
      OfferError: the list cannot be read, or lists too little of the catalogue.
    """
    known = frozenset(ids)
    try:
        content = read_bytes(items)
        listed = ids_of(content, items, known)
    except TextFileError as error:
        raise OfferError(f"{error}.") from error
    except _errors(items) as error:
        raise OfferError(f"The list {items} cannot be read: {error}") from error
    offered = np.array([item in listed for item in ids], bool)
    if not offered.any() or offered.mean() < least_share:
        raise OfferError(
            f"Of the {len(ids):,} items of the catalogue {items} lists {offered.sum():,}, less "
            f"than the share {least_share:g} that must stay recommendable. If that is intended, "
            f"lower {relaxing}.{_first_unknown(listed, known)}"
        )
    unknown = len(listed) - int(offered.sum())
    return Offer(items, hashlib.sha256(content).hexdigest(), offered, unknown)


def _first_unknown(listed: Iterable[bytes], known: frozenset[bytes]) -> str:
    """Shows an unknown line: the list may have quotes, a second column, another encoding."""
    unknown = next((item_id for item_id in listed if item_id not in known), None)
    return "" if unknown is None else f" Its first unknown line is {quote(unknown)}."


def list_state(items: str) -> str:
    """Returns a digest of a list, `MISSING` if it cannot be read, so that caches see a change."""
    try:
        return hashlib.sha256(read_bytes(items)).hexdigest()
    except _errors(items):
        return MISSING


def _errors(items: str) -> tuple[type[Exception], ...]:
    """Returns what reading a list raises, be its scheme unknown."""
    try:
        return (ValueError, *place_of(items, tensorflow_schemes).errors)
    except ValueError:
        return (ValueError,)
