"""Specifications of the nodes."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.previous_run import executor


def _parameters(*names: str) -> dict[str, component_spec.ExecutionParameter]:
    names = (*names, executor.SOURCE_DIGEST)
    return {name: component_spec.ExecutionParameter(type=str) for name in names}


def _artifact(artifact_type: Any) -> component_spec.ChannelParameter:
    return component_spec.ChannelParameter(type=artifact_type)


class LatestPushedModelSpec(component_spec.ComponentSpec):
    """Outputs and parameters of LatestPushedModel."""

    PARAMETERS = _parameters(executor.PUSH_FOLDER)
    INPUTS: ClassVar[dict[str, Any]] = {}
    OUTPUTS = {executor.MODEL: _artifact(standard_artifacts.Model)}  # noqa: RUF012 (TFX's own form)


class LatestPushedModel(base_component.BaseComponent):
    """Finds the newest model in the push folder, where only blessed ones come.

    Output `model`; its property `found` is 0 where nothing was pushed yet.
    """

    SPEC_CLASS = LatestPushedModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.LatestPushedModelExecutor)

    def __init__(self, push_folder: str, source_digest: str = "") -> None:
        """Specifies the node.

        Args:
          push_folder: the Pusher's base directory.
          source_digest: digest of the node's code.
        """
        super().__init__(
            LatestPushedModelSpec(
                push_folder=push_folder,
                source_digest=source_digest,
                model=types.Channel(type=standard_artifacts.Model),
            )
        )


class KeptStatisticsSpec(component_spec.ComponentSpec):
    """Outputs and parameters of KeptStatistics."""

    PARAMETERS = _parameters(executor.FOLDER)
    INPUTS: ClassVar[dict[str, Any]] = {}
    OUTPUTS = {executor.STATISTICS: _artifact(standard_artifacts.ExampleStatistics)}  # noqa: RUF012


class KeptStatistics(base_component.BaseComponent):
    """Finds the statistics that StatisticsKeeper kept last.

    Output `statistics`; its property `found` is 0 where none were kept yet.
    """

    SPEC_CLASS = KeptStatisticsSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.KeptStatisticsExecutor)

    def __init__(self, folder: str, source_digest: str = "") -> None:
        """Specifies the node.

        Args:
          folder: the keeper's folder.
          source_digest: digest of the node's code.
        """
        super().__init__(
            KeptStatisticsSpec(
                folder=folder,
                source_digest=source_digest,
                statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            )
        )


class StatisticsKeeperSpec(component_spec.ComponentSpec):
    """Inputs and parameters of StatisticsKeeper."""

    PARAMETERS = _parameters(executor.FOLDER)
    INPUTS = {executor.STATISTICS: _artifact(standard_artifacts.ExampleStatistics)}  # noqa: RUF012
    OUTPUTS: ClassVar[dict[str, Any]] = {}


class StatisticsKeeper(base_component.BaseComponent):
    """Keeps a copy of statistics in a folder, for later runs.

    It must run after the data gate, `keeper.add_upstream_node(data_gate)`: data that the gate
    refused must not become the measure of the next ones.
    """

    SPEC_CLASS = StatisticsKeeperSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.StatisticsKeeperExecutor)

    def __init__(self, statistics: types.BaseChannel, folder: str, source_digest: str = "") -> None:
        """Specifies the node.

        Args:
          statistics: of this run's data.
          folder: gets one numbered subfolder per run; the newest few stay.
          source_digest: digest of the node's code.
        """
        super().__init__(
            StatisticsKeeperSpec(statistics=statistics, folder=folder, source_digest=source_digest)
        )
