"""The data gate's node: its message, its cache key, its inputs."""

from tfx.types import standard_artifacts
from tfx.types.channel import Channel

from components.data_gate.checks import DataCheck
from components.data_gate.latest_accepted import accepted_statistics
from components.data_gate.node import DataGate, DataGateError
from modules.gate.check_record import FAILED


def check(option):
    return DataCheck(option, FAILED, f"{option} is high", "train", "item_ids", 0.5, 0.2)


def test_the_error_names_each_failure_and_how_to_fix_it():
    failed = [check("max_item_drift"), check("max_item_divergence")]
    lines = str(DataGateError(failed)).splitlines()
    assert lines[0] == "The data gate stopped the run, nothing was trained:"
    assert lines[1] == (
        "  split train, item_ids: max_item_drift is high [checks.max_item_drift: 0.2]"
    )
    assert len(lines) == len(failed) + 2
    assert lines[-1].startswith(
        "Fix the data; or, if they are as intended, relax checks.max_item_divergence, "
        "checks.max_item_drift in the preset"
    )


def test_options_and_digest_are_part_of_the_cache_key():
    channels = {
        "statistics": standard_artifacts.ExampleStatistics,
        "anomalies": standard_artifacts.ExampleAnomalies,
        "schema": standard_artifacts.Schema,
    }
    inputs = {name: Channel(type=artifact_class) for name, artifact_class in channels.items()}
    nodes = [
        DataGate(**inputs, options="{}", source_digest="a"),
        DataGate(**inputs, options="{}", source_digest="b"),
        DataGate(**inputs, options='{"min_sessions": 2}', source_digest="a"),
    ]
    assert len({str(sorted(node.exec_properties.items())) for node in nodes}) == 3


def test_the_resolver_feeds_the_gate():
    previous = accepted_statistics()
    gate = DataGate(
        statistics=Channel(type=standard_artifacts.ExampleStatistics),
        anomalies=Channel(type=standard_artifacts.ExampleAnomalies),
        schema=Channel(type=standard_artifacts.Schema),
        options="{}",
        previous_statistics=previous.outputs["statistics"],
    )
    assert gate.inputs["previous_statistics"].producer_component_id == previous.id
