"""Options of features."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class FeatureOptions(Section):
    """What Transform makes of a session."""

    max_context: int = option(
        20, "latest items of a prefix that the query tower sees", limits=(1, 10_000), unit="items"
    )
    min_item_count: int = option(
        1,
        "how often an item must occur in the training data to enter the catalogue",
        limits=(1, 10**9),
        unit="events",
    )
    max_catalogue: int | None = option(
        None,
        "largest catalogue, of the most frequent items; null for all",
        limits=(1, 10**8),
        unit="items",
    )
    targets: str = option(
        "all",
        "`all` trains on every next item of a session, `last` on the last item only",
        choices=("all", "last"),
    )
