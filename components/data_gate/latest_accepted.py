"""Finds the statistics of the last data that passed the data gate."""

from __future__ import annotations

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common import resolver
from tfx.dsl.io import fileio
from tfx.types import channel, standard_artifacts
from tfx.types.experimental import simple_artifacts

STATISTICS_ID = "statistics_id"
STATISTICS = "statistics"
REPORT = "report"


class LatestAcceptedStatistics(resolver.ResolverStrategy):
    """Resolves the statistics named by the newest report of the data gate that are still there.

    A run that was stopped leaves statistics but no report. The newest statistics alone would make
    bad data the measure of the next run, which would then pass.
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
    """Returns the node that finds the previous run's statistics; empty in the first run.

    It must come before the data gate of the same pipeline, which its output, given to the gate,
    makes sure of.
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
