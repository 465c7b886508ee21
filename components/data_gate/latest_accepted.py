"""Finds the statistics of the last data that passed the data gate."""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common import resolver
from tfx.dsl.io import fileio
from tfx.types import channel, standard_artifacts
from tfx.types.experimental import simple_artifacts

STATISTICS_ID, STATISTICS, REPORT = "statistics_id", "statistics", "report"


class LatestAcceptedStatistics(resolver.ResolverStrategy):
    """Resolves the existing statistics that the data gate's newest report names.

    A stopped run leaves statistics but no report. If the newest statistics were used, the next run
    would be compared with bad data, and pass.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """Returns at most one artifact of each input: the report and its statistics."""
        statistics = {artifact.id: artifact for artifact in input_dict[STATISTICS]}
        for report in sorted(input_dict[REPORT], key=lambda artifact: artifact.id, reverse=True):
            found = statistics.get(report.get_int_custom_property(STATISTICS_ID))
            if found is not None and fileio.exists(found.uri):
                return {STATISTICS: [found], REPORT: [report]}
        return {STATISTICS: [], REPORT: []}


def accepted_statistics(
    statistics_gen_id: str = "StatisticsGen", data_gate_id: str = "DataGate"
) -> resolver.Resolver:
    """Returns the node that finds the previous run's statistics, none in the first run.

    It must precede the data gate of the same pipeline, which must have its output as input.
    """
    return resolver.Resolver(
        strategy_class=LatestAcceptedStatistics,
        **{
            STATISTICS: channel.Channel(
                type=standard_artifacts.ExampleStatistics, producer_component_id=statistics_gen_id
            ),
            REPORT: channel.Channel(
                type=simple_artifacts.Metrics, producer_component_id=data_gate_id
            ),
        },
    ).with_id("AcceptedStatistics")
