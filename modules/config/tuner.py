"""Options of the search for options of model and trainer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from modules.config.options import ModelOptions, TrainerOptions, not_among, out_of_range

SEARCHES = ("random", "bayesian")


@dataclasses.dataclass(frozen=True)
class TunerOptions:
    """Which options of model and trainer are searched before the model is trained.

    Attributes:
      enabled: add the node Tuner, whose best values Trainer takes.
      search: `random`, or `bayesian` (Gaussian process).
      trials: fits of the search.
      space: option, as `model.gru_units` or `trainer.learning_rate` -> its choices.
    """

    enabled: bool = False
    search: str = "random"
    trials: int = 20
    space: Mapping[str, tuple[Any, ...]] = dataclasses.field(
        default_factory=lambda: {
            "model.members": (1, 2, 4),
            "model.embedding_dim": (32, 64),
            "model.gru_units": (32, 64, 128),
            "model.neighbors": (2, 4, 8),
            "model.embedding_dropout": (0.4, 0.5, 0.6),
            "model.output_dropout": (0.1, 0.2, 0.3),
            "trainer.learning_rate": (0.002, 0.003, 0.005),
            "trainer.batch_targets": (1024, 2048, 4096),
            "trainer.weight_averaging": (0.97, 0.98, 0.99),
            "trainer.negatives": (512, 1024, 2048),
        }
    )

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        problems = out_of_range(self, {"trials": (1, 10_000)})
        problems += not_among(self, {"search": SEARCHES})
        for name, choices in self.space.items():
            problems += self._problems_of(name, choices)
        return problems

    @staticmethod
    def _problems_of(name: str, choices: tuple[Any, ...]) -> list[str]:
        section, _, field = name.partition(".")
        sections: dict[str, Any] = {"model": ModelOptions(), "trainer": TrainerOptions()}
        if not hasattr(sections.get(section), field):
            return [f"space.{name} is no option of model or trainer"]
        if not choices:
            return [f"space.{name} needs at least one choice"]
        problems = []
        for choice in choices:
            try:
                found = dataclasses.replace(sections[section], **{field: choice}).problems()
            except TypeError:
                found = [f"{field} cannot be {choice!r}"]
            problems += [f"space.{name}: {problem}" for problem in found]
        return problems
