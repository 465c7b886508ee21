"""A record of model selection in a sentence; loads no TensorFlow, since commands show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.sessions.event_times import utc_text

ADJUSTMENTS = ("current_item_penalty", "earlier_item_boost", "popularity_weight")


def describe_selection(content: Mapping[str, Any]) -> str:
    """Describes a record of `modules.training.selection_record` in a sentence.

    Raises:
      ValueError: a former version wrote it, or it is damaged.
    """
    try:
        adjustments = [f"{name} {float(content[name]):g}" for name in ADJUSTMENTS]
        chosen = ", ".join([f"{int(content['epochs'])} epochs", *adjustments])
        until = utc_text(int(content["selected_until"]))
        start = ", from the model before" if content["warm_start"] else ""
    except (KeyError, TypeError) as error:
        raise ValueError(f"unexpected content: {error!r}") from error
    return f"{chosen}, selected on data until {until}{start}"
