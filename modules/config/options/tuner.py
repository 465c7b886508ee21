"""Options of the hyperparameter search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from modules.config.fields import Section, option
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions


@dataclasses.dataclass(frozen=True)
class TunerOptions(Section):
    """Which options of model and trainer are searched before training."""

    enabled: bool = option(False, "add the node Tuner; Trainer uses its best values")
    search: str = option("random", "search algorithm", choices=("random", "bayesian"))
    num_trials: int = option(20, "training runs of the search", limits=(1, 10_000), was="trials")
    space: Mapping[str, tuple[Any, ...]] = option(
        {
            "model.ensemble_size": (1, 2, 4),
            "model.embedding_dim": (32, 64),
            "model.gru_units": (32, 64, 128),
            "model.num_neighbors": (2, 4, 8),
            "model.embedding_dropout": (0.4, 0.5, 0.6),
            "model.output_dropout": (0.1, 0.2, 0.3),
            "trainer.learning_rate": (0.002, 0.003, 0.005),
            "trainer.batch_targets": (1024, 2048, 4096),
            "trainer.weight_averaging": (0.97, 0.98, 0.99),
            "trainer.num_negatives": (512, 1024, 2048),
        },
        "option, such as `trainer.learning_rate` -> values to try",
    )

    def problems(self) -> list[str]:
        """Returns one message per value, or choice of the search, that cannot be used."""
        problems = super().problems()
        for name, choices in self.space.items():
            problems += self._problems_of(name, choices)
        return problems

    @staticmethod
    def _problems_of(name: str, choices: tuple[Any, ...]) -> list[str]:
        section, _, field = name.partition(".")
        sections: dict[str, Any] = {"model": ModelOptions(), "trainer": TrainerOptions()}
        if field not in getattr(sections.get(section), "__dataclass_fields__", ()):
            return [f"space.{name} is not an option of model or trainer"]
        if not choices:
            return [f"space.{name} needs at least one value"]
        return [
            f"space.{name}: {problem}"
            for choice in choices
            for problem in dataclasses.replace(sections[section], **{field: choice}).problems()
        ]
