"""Restricts or restores the recommendable items of a pushed model, without training.

`modules/copies` makes the copy; here it becomes a version. Items that the model does not know get
vectors in `click_refresh`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from modules.copies.model_variables import OldModelError, Variables
from modules.copies.offered_items import OfferError, read_offer
from modules.copies.restricted_model import write_restricted
from serving.new_version import new_version
from serving.pushed_models import NoModelError, load_model


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
    try:
        with new_version(push_folder) as version:
            variables = Variables(str(base))
            offer = read_offer(str(items), variables.ids, least_share, "--least-share")
            counts = write_restricted(str(base), variables, str(version.unfinished), offer, _load)
    except OldModelError as error:
        raise NoModelError(str(error)) from error
    except OfferError as error:
        raise RefreshError(str(error)) from error
    seconds = time.monotonic() - began
    return Refresh(version.pushed, base, seconds=seconds, **counts._asdict())


def _load(folder: str) -> Any:
    return load_model(Path(folder))
