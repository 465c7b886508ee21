"""Finds and reads the verdict about the day before, whose records later verdicts take over."""

from __future__ import annotations

import json
import os

import ml_metadata as mlmd
import tensorflow as tf
from tfx import types
from tfx.dsl.components.common import resolver
from tfx.dsl.io import fileio
from tfx.types import channel
from tfx.types.experimental import simple_artifacts

from modules.daily.artifacts import evaluated_span, span_of
from modules.daily.order import nearest_first
from modules.gate.day_records import DayRecord, read_days
from modules.gate.metric_checks import FILE_NAME

VERDICT, EXAMPLES = "verdict", "examples"
EXAMPLES_ID = "examples_id"
"""Property of a verdict: the id of the examples that were evaluated; in a window of days it has
the evaluated span, too."""


class UnreadableVerdictError(ValueError):
    """The previous verdict cannot be read; the message says why."""


class LatestOtherVerdict(resolver.ResolverStrategy):
    """Resolves an existing verdict about other examples than those of this run.

    In a window of days it is the newest of the latest earlier day; otherwise the newest. The newest
    of all would be the run's own when it is repeated: TFX's cache would never hold.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Returns the examples of this run, and at most one verdict."""
        examples = input_dict[EXAMPLES]
        own = {artifact.id for artifact in examples}
        span = evaluated_span(examples[-1] if examples else None)
        for found in nearest_first(input_dict[VERDICT], span, span_of, lambda verdict: verdict.id):
            of_other = found.get_int_custom_property(EXAMPLES_ID) not in own
            if found.has_custom_property(EXAMPLES_ID) and of_other and fileio.exists(found.uri):
                return {EXAMPLES: examples, VERDICT: [found]}
        return {EXAMPLES: examples, VERDICT: []}


def previous_verdict(
    examples: types.Channel, model_gate_id: str = "ModelGate"
) -> resolver.Resolver:
    """Returns the node that finds the verdict about the day before, none in the first run.

    Args:
      examples: output of this run's ExampleGen.
      model_gate_id: id of the gate, which must have the node's output `verdict` as input.
    """
    return resolver.Resolver(
        strategy_class=LatestOtherVerdict,
        **{
            EXAMPLES: examples,
            VERDICT: channel.Channel(
                type=simple_artifacts.Metrics, producer_component_id=model_gate_id
            ),
        },
    ).with_id("PreviousVerdict")


def read_previous_days(verdict: types.Artifact) -> list[DayRecord]:
    """Returns the days in a verdict.

    Raises:
      UnreadableVerdictError: the file cannot be read, or has another form.
    """
    path = os.path.join(verdict.uri, FILE_NAME)
    try:
        with fileio.open(path, "r") as file:
            return read_days(json.load(file))
    except (ValueError, OSError, tf.errors.OpError) as error:
        raise UnreadableVerdictError(f"{path}: {error}") from error
