"""Where a run finds what earlier runs left: accepted data and the last blessed model."""

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


def _keep_nothing(statistics: Channel, data_gate: BaseNode) -> list[BaseNode]:
    return []


@dataclasses.dataclass(frozen=True)
class EarlierRuns:
    """Nodes that find what earlier runs left; their outputs hold nothing in the first run.

    Attributes:
      accepted_statistics: has the output `statistics`, of the data that last passed the data gate.
      blessed_model: has the output `model`, the last one that was blessed.
      keep: returns the nodes that leave this run's statistics to later runs once the data gate has
        passed; none where a metadata store remembers them.
    """

    accepted_statistics: BaseNode
    blessed_model: BaseNode
    keep: Callable[[Channel, BaseNode], list[BaseNode]] = _keep_nothing


def from_metadata() -> EarlierRuns:
    """Looks into the metadata store that the runs share, as local runs do."""
    blessed = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id(BLESSED_MODEL_ID)
    return EarlierRuns(accepted_statistics(), blessed)
