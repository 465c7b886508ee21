"""Runs the checks, stops the pipeline or writes the report."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx import types
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.data_gate import checks
from components.data_gate.latest_accepted import STATISTICS_ID
from components.data_gate.split_checks import split_checks
from modules.config.checks import CheckOptions
from modules.config.fields import from_json
from modules.gate.report_files import DATA_REPORT
from modules.ingest.output_files import read_report

EXAMPLES = "examples"
STATISTICS = "statistics"
ANOMALIES = "anomalies"
SCHEMA = "schema"
PREVIOUS_STATISTICS = "previous_statistics"
REPORT = "report"
OPTIONS = "options"
SOURCE_DIGEST = "source_digest"


class DataGateError(Exception):
    """Says what is wrong with the data, what was expected and which option relaxes it."""

    def __init__(self, failed: Sequence[checks.Check]):
        """Puts the message together from the checks that failed."""
        self.failed = tuple(failed)
        lines = [
            f"  split {check.split}, {check.feature}: {check.explanation} "
            f"[checks.{check.option}: {check.limit}]"
            for check in failed
        ]
        keys = ", ".join(sorted({f"checks.{check.option}" for check in failed}))
        super().__init__(
            "\n".join(
                [
                    "The data gate stopped the run, nothing was trained:",
                    *lines,
                    f"Mend the data; or, if they are as they should be, relax {keys} in the "
                    "preset or by an override.",
                ]
            )
        )


class Executor(base_executor.BaseExecutor):
    """Executor of DataGate."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Checks the data.

        Raises:
          DataGateError: a check failed.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        options = from_json(CheckOptions, json.loads(exec_properties[OPTIONS]))
        statistics = artifact_utils.get_single_instance(input_dict[STATISTICS])
        previous = next(iter(input_dict.get(PREVIOUS_STATISTICS) or []), None)
        results = [
            *_run_checks(
                statistics,
                artifact_utils.get_single_instance(input_dict[ANOMALIES]),
                previous,
                _read_schema(input_dict[SCHEMA]),
                options,
            ),
            *split_checks(_read_counts(input_dict), options),
        ]
        failed = [check for check in results if check.verdict == checks.FAILED]
        if failed:
            raise DataGateError(failed)
        report = artifact_utils.get_single_instance(output_dict[REPORT])
        report.set_int_custom_property(STATISTICS_ID, statistics.id)
        _write_report(report, results, previous)
        print(_summary(results, previous), flush=True)


def _run_checks(
    statistics: types.Artifact,
    anomalies: types.Artifact,
    previous: types.Artifact | None,
    schema: schema_pb2.Schema,
    options: CheckOptions,
) -> list[checks.Check]:
    found = {split: _read_statistics(statistics, split) for split in _splits(statistics)}
    before = None if previous is None else _read_statistics(previous, checks.COMPARED_SPLIT)
    return [
        *checks.session_checks({split: data.datasets[0] for split, data in found.items()}, options),
        *checks.anomaly_checks(
            {split: _read_anomalies(anomalies, split) for split in _splits(anomalies)}, options
        ),
        *checks.change_checks(found[checks.COMPARED_SPLIT], before, schema, options),
    ]


def _read_counts(input_dict: dict[str, list[types.Artifact]]) -> dict[str, int]:
    """Reads what SessionExampleGen counted; nothing where its examples are not an input."""
    examples = input_dict.get(EXAMPLES)
    return read_report(artifact_utils.get_single_uri(examples)).counts if examples else {}


def _splits(artifact: types.Artifact) -> list[str]:
    return artifact_utils.decode_split_names(artifact.split_names)


def _read_statistics(
    artifact: types.Artifact, split: str
) -> statistics_pb2.DatasetFeatureStatisticsList:
    return stats_artifact_utils.load_statistics(artifact, split).proto()


def _read_anomalies(artifact: types.Artifact, split: str) -> anomalies_pb2.Anomalies:
    folder = artifact_utils.get_split_uri([artifact], split)
    with fileio.open(os.path.join(folder, DEFAULT_FILE_NAME), "rb") as file:
        return anomalies_pb2.Anomalies.FromString(file.read())


def _read_schema(artifacts: list[types.Artifact]) -> schema_pb2.Schema:
    folder = artifact_utils.get_single_uri(artifacts)
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(folder))


def _write_report(
    report: types.Artifact, results: Sequence[checks.Check], previous: types.Artifact | None
) -> None:
    content = {
        "compared_with": previous.uri if previous else None,
        "checks": [dataclasses.asdict(check) for check in results],
    }
    fileio.makedirs(report.uri)
    with fileio.open(os.path.join(report.uri, DATA_REPORT), "w") as file:
        file.write(json.dumps(content, indent=2))


def _summary(results: Sequence[checks.Check], previous: types.Artifact | None) -> str:
    anomalies = sum(check.option == "stop_severities" for check in results)
    compared = "compared with the last accepted data" if previous else checks.NOT_COMPARED
    lines = [
        f"Data gate: passed, {len(results)} checks, {anomalies} anomalies tolerated, {compared}"
    ]
    lines += [
        f"Warning: split {check.split}: {check.explanation} [checks.{check.option}]"
        for check in results
        if check.verdict == checks.WARNING
    ]
    return "\n".join(lines)
