"""Options of the two towers."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option
from modules.messages.quoting import quote


@dataclasses.dataclass(frozen=True)
class ModelOptions(Section):
    """Shape of the two towers."""

    ensemble_size: int = option(
        2,
        "GRUs, each with its own item embedding and share of a batch, whose scores are averaged; "
        "served vectors have `ensemble_size` times `embedding_dim` values, and one for popularity",
        limits=(1, 100),
        was="members",
    )
    embedding_dim: int = option(32, "length of a member's vectors", limits=(1, 4096))
    gru_units: int = option(
        32, "units, projected to `embedding_dim` if need be; 0 for no GRU", limits=(0, 4096)
    )
    shared_embedding: bool = option(True, "one item embedding for both towers, or one for each")
    normalize: bool = option(True, "L2-normalise both towers' vectors and learn a temperature")
    temperature: float = option(
        0.1, "initial temperature; used only with `normalize`", limits=(1e-4, 100.0)
    )
    copy_lags: int = option(
        10,
        "latest items whose candidate vectors are added to the query, with a learned weight for "
        "each lag; 0 for none",
        limits=(0, 1000),
        unit="items",
    )
    num_neighbors: int = option(
        4,
        "most co-occurring items, whose embeddings are mixed into an item's own; 0 for none",
        limits=(0, 1000),
        was="neighbors",
        unit="items",
    )
    item_features: tuple[str, ...] = option(
        (),
        "columns of `items.file` whose values, a text or a list of texts, such as a category, are "
        "learned parts of the vectors of all items that have them",
    )
    embedding_dropout: float = option(
        0.5, "dropout rate of the context's item embeddings", limits=(0.0, 0.99)
    )
    output_dropout: float = option(0.1, "dropout rate of the query vector", limits=(0.0, 0.99))

    def problems(self) -> list[str]:
        """Returns one message per value, or pair of values, that cannot be used."""
        problems = super().problems()
        if not self.gru_units and not self.copy_lags:
            problems.append("gru_units and copy_lags must not both be 0: no query would be left")
        columns = self.item_features
        if isinstance(columns, tuple) and len({*columns}) < len(columns):
            problems.append(f"item_features names a column twice: {quote(list(columns))}")
        return problems
