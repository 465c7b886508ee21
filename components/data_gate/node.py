"""The node that stops the pipeline if a check fails, or writes the report."""

import json
import os
from collections.abc import Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx import types
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils

from components.data_gate import checks
from components.data_gate.latest_accepted import STATISTICS_ID
from components.data_gate.split_checks import split_checks
from components.data_gate.window_checks import window_checks
from modules.config.fields import from_json
from modules.config.options.data_gate import DataGateOptions
from modules.daily.artifacts import days_of, mark
from modules.gate.check_record import WARNING
from modules.gate.report_files import DATA_REPORT
from modules.ingest.report import read_report
from modules.messages.counting import counted


class DataGateError(Exception):
    """Data failed checks; the message names them and the options that relax them."""

    def __init__(self, failed: Sequence[checks.DataCheck]):
        """Makes the message."""
        self.failed = tuple(failed)
        lines = [
            f"  split {check.split}, {check.feature}: {check.reason} "
            f"[checks.{check.name}: {check.limit}]"
            for check in failed
        ]
        keys = ", ".join(sorted({f"checks.{check.name}" for check in failed}))
        super().__init__(
            "The data gate stopped the run, nothing was trained:\n"
            + "\n".join(lines)
            + f"\nFix the data; or, if they are as intended, relax {keys} in the preset or by an "
            "override."
        )


@component
def DataGate(
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    anomalies: InputArtifact[standard_artifacts.ExampleAnomalies],
    schema: InputArtifact[standard_artifacts.Schema],
    report: OutputArtifact[simple_artifacts.Metrics],
    options: Parameter[str],
    examples: InputArtifact[standard_artifacts.Examples] = None,
    previous_statistics: InputArtifact[standard_artifacts.ExampleStatistics] = None,
    source_digest: Parameter[str] = "",
) -> None:
    """Stops the pipeline with a readable error if the data are not fit for training.

    No node needs its report, so those that must wait for it declare it:
    `transform.add_upstream_node(data_gate)`.

    Args:
      statistics: statistics of this run's data, all splits.
      anomalies: anomalies that ExampleValidator found in them.
      schema: schema of the sessions.
      report: output; all checks with their results.
      options: `DataGateOptions` as JSON.
      examples: output of SessionExampleGen, whose counts reveal leaks between splits and wrong
        times; without it those checks are skipped.
      previous_statistics: output `statistics` of `accepted_statistics()`; may be empty.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.

    Raises:
      DataGateError: a check failed.
    """
    limits = from_json(DataGateOptions, json.loads(options))
    counts = read_report(examples.uri).counts if examples else {}
    results = [
        *_run_checks(statistics, anomalies, previous_statistics, _read_schema(schema), limits),
        *split_checks(counts, limits),
        *window_checks(days_of(examples), limits),
    ]
    failed = [check for check in results if not check.passed]
    if failed:
        raise DataGateError(failed)
    report.set_int_custom_property(STATISTICS_ID, statistics.id)
    mark(report, examples)
    _write_report(report, results, previous_statistics)
    print(_summary(results, previous_statistics), flush=True)


def _run_checks(
    statistics: types.Artifact,
    anomalies: types.Artifact,
    previous: types.Artifact | None,
    schema: schema_pb2.Schema,
    options: DataGateOptions,
) -> list[checks.DataCheck]:
    found = {split: _read_statistics(statistics, split) for split in _splits(statistics)}
    before = None if previous is None else _read_statistics(previous, checks.COMPARED_SPLIT)
    return [
        *checks.session_checks({split: data.datasets[0] for split, data in found.items()}, options),
        *checks.anomaly_checks(
            {split: _read_anomalies(anomalies, split) for split in _splits(anomalies)}, options
        ),
        *checks.change_checks(found[checks.COMPARED_SPLIT], before, schema, options),
    ]


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


def _read_schema(schema: types.Artifact) -> schema_pb2.Schema:
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema.uri))


def _write_report(
    report: types.Artifact, results: Sequence[checks.DataCheck], previous: types.Artifact | None
) -> None:
    content = {
        "compared_with": previous.uri if previous else None,
        "checks": [check.as_json() for check in results],
    }
    fileio.makedirs(report.uri)
    with fileio.open(os.path.join(report.uri, DATA_REPORT), "w") as file:
        file.write(json.dumps(content, indent=2))


def _summary(results: Sequence[checks.DataCheck], previous: types.Artifact | None) -> str:
    anomalies = sum(check.name == "stop_severities" for check in results)
    compared = "compared with the last accepted data" if previous else checks.NOT_COMPARED
    warnings = [
        f"\nWarning: split {check.split}: {check.reason} [checks.{check.name}]"
        for check in results
        if check.verdict == WARNING
    ]
    tolerated = counted(anomalies, "anomaly", "anomalies")
    passed = f"{len(results)} checks, {tolerated} tolerated, {compared}"
    return f"Data gate: passed, {passed}{''.join(warnings)}"
