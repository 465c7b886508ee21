"""Options of the two towers."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class ModelOptions(Section):
    """Shape of the two towers."""

    ensemble_size: int = option(
        2,
        "GRUs, each with its own part of the item table and its own share of the sessions of a "
        "batch, whose scores are averaged; the served vectors are `ensemble_size` times "
        "`embedding_dim` long, and hold one value more for popularity",
        limits=(1, 100),
        was="members",
    )
    embedding_dim: int = option(
        32, "length of a member's query and candidate vectors", limits=(1, 4096)
    )
    gru_units: int = option(
        32,
        "units of each GRU; projected to `embedding_dim` where they differ; 0 leaves them out, to "
        "measure what they add",
        limits=(0, 4096),
    )
    shared_embedding: bool = option(True, "one item table for both towers, or one for each")
    normalize: bool = option(
        True, "L2-normalise query and candidate vectors and learn a temperature"
    )
    temperature: float = option(
        0.1,
        "start value of the learned temperature; used only with `normalize`",
        limits=(1e-4, 100.0),
    )
    copy_lags: int = option(
        10,
        "latest items whose candidate vectors are added to the query, each lag with a learned "
        "weight; 0 switches the copy term off",
        limits=(0, 1000),
        unit="items",
    )
    num_neighbors: int = option(
        4,
        "items seen together with an item most, whose table vectors are mixed into its own; 0 for "
        "none",
        limits=(0, 1000),
        was="neighbors",
        unit="items",
    )
    embedding_dropout: float = option(
        0.5, "share of context embedding values dropped in training", limits=(0.0, 0.99)
    )
    output_dropout: float = option(
        0.1, "share of query values dropped in training", limits=(0.0, 0.99)
    )

    def problems(self) -> list[str]:
        """Returns one message per value, or pair of values, that cannot be used."""
        problems = super().problems()
        if not self.gru_units and not self.copy_lags:
            problems.append("gru_units and copy_lags must not both be 0: no query would be left")
        return problems
