"""Finds the statistics of the data that a run is compared with: those of the day before."""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common import resolver
from tfx.dsl.io import fileio
from tfx.types import channel, standard_artifacts
from tfx.types.experimental import simple_artifacts

from modules.daily.artifacts import evaluated_span, span_of
from modules.daily.order import nearest_first

# The report has the span of the evaluated day, too, if there is a window.
STATISTICS_ID, STATISTICS, REPORT, EXAMPLES = "statistics_id", "statistics", "report", "examples"


class LatestAcceptedStatistics(resolver.ResolverStrategy):
    """Resolves the existing statistics that a report of the data gate names.

    In a window of days, the report is the newest of the latest earlier day; otherwise the newest
    one. A stopped run leaves statistics but no report. If the newest statistics were used, the next
    run would be compared with bad data, and pass.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Returns at most one report with its statistics, and this run's examples."""
        statistics = {artifact.id: artifact for artifact in input_dict[STATISTICS]}
        examples = input_dict.get(EXAMPLES, [])
        span = evaluated_span(examples[-1]) if examples else None
        for report in nearest_first(input_dict[REPORT], span, span_of, lambda report: report.id):
            found = statistics.get(report.get_int_custom_property(STATISTICS_ID))
            if found is not None and fileio.exists(found.uri):
                return {**input_dict, STATISTICS: [found], REPORT: [report]}
        return {**input_dict, STATISTICS: [], REPORT: []}


def accepted_statistics(
    examples: channel.Channel | None = None,
    statistics_gen_id: str = "StatisticsGen",
    data_gate_id: str = "DataGate",
) -> resolver.Resolver:
    """Returns the node that finds an earlier run's statistics, none in the first run.

    It must precede the data gate of the same pipeline, which must have its output as input.

    Args:
      examples: this run's examples, which say the evaluated day.
      statistics_gen_id: id of the node that writes the statistics.
      data_gate_id: id of the data gate.
    """
    channels = {
        STATISTICS: channel.Channel(
            type=standard_artifacts.ExampleStatistics, producer_component_id=statistics_gen_id
        ),
        REPORT: channel.Channel(type=simple_artifacts.Metrics, producer_component_id=data_gate_id),
    }
    if examples is not None:
        channels[EXAMPLES] = examples
    return resolver.Resolver(strategy_class=LatestAcceptedStatistics, **channels).with_id(
        "AcceptedStatistics"
    )
