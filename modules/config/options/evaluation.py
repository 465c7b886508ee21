"""Options of the evaluation."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class EvaluationOptions(Section):
    """What the Evaluator evaluates; `ModelGateOptions` says what a model must reach."""

    split: str = option(
        "test",
        "`test`; or `eval` during development, with `trainer.refit=false`",
        choices=("test", "eval"),
    )
    context_length_buckets: tuple[int, ...] = option(
        (1, 2, 5, 10), "upper bounds of the context length slices", rising=True, unit="items"
    )
    target_count_buckets: tuple[int, ...] = option(
        (0, 2, 10, 50), "upper bounds of the target popularity slices", rising=True, unit="events"
    )
