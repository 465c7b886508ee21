"""Results of earlier runs that a run compares with: accepted data and the last blessed model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.types import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.data_gate.latest_accepted import accepted_statistics

BLESSED_MODEL_ID = "LatestBlessedModel"


@dataclasses.dataclass(frozen=True)
class EarlierRuns:
    """Nodes that find results of earlier runs; their outputs are empty in the first run.

    Attributes:
      accepted_statistics: node with the output `statistics` of the data last accepted by the gate.
      blessed_model: node with the output `model`, the last blessed one.
      keep: returns the nodes that keep this run's statistics for later runs once the data gate has
        passed; none if a metadata store keeps them.
    """

    accepted_statistics: BaseNode
    blessed_model: BaseNode
    keep: Callable[[Channel, BaseNode], list[BaseNode]] = lambda *_: []


def from_metadata() -> EarlierRuns:
    """Finds them in the metadata store that local runs share."""
    blessed = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id(BLESSED_MODEL_ID)
    return EarlierRuns(accepted_statistics(), blessed)
