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
        1, "fewest training events of an item in the catalogue", limits=(1, 10**9), unit="events"
    )
    max_catalogue: int | None = option(
        None, "most frequent items in the catalogue; null for all", limits=(1, 10**8), unit="items"
    )
    targets: str = option(
        "all",
        "train on `all` next items of a session, or on the `last` one",
        choices=("all", "last"),
    )
