"""DataGate behind the real StatisticsGen, ImportSchemaGen and ExampleValidator, run after run."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.components import ExampleValidator, SchemaGen, StatisticsGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.types import standard_artifacts

from components.data_gate.latest_accepted import accepted_statistics
from components.data_gate.node import DataGate, DataGateError
from modules.config.options.data_gate import DataGateOptions
from modules.ingest.report import Report

SCHEMA = Path(__file__).parents[2] / "pipeline" / "schema" / "session_schema.pbtxt"
BEAM_ARGS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    # Any value keeps TFX from packing itself for remote workers, 2 s per node.
    "--sdk_container_image=unused",
]
SPLITS = ("train", "eval", "test")
LIMITS = DataGateOptions(
    max_item_drift=0.05,
    max_item_divergence=0.5,
    max_session_count_change=0.2,
    max_session_length_change=0.2,
)


def bytes_feature(values):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[v.encode() for v in values]))


def int_feature(values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def session_example(number, item_ids, weighted=False):
    start = 1_430_000_000_000 + number
    feature = {
        "session_id": bytes_feature([f"s{number}"]),
        "item_ids": bytes_feature(item_ids),
        "event_times": int_feature([start + step for step in range(len(item_ids))]),
        "start_time": int_feature([start]),
    }
    if weighted:
        weights = tf.train.FloatList(value=[1.0 + step % 3 for step in range(len(item_ids))])
        feature["event_weights"] = tf.train.Feature(float_list=weights)
    return tf.train.Example(features=tf.train.Features(feature=feature))


def write_split(folder, sessions, weighted=False):
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
        for number, item_ids in enumerate(sessions):
            writer.write(session_example(number, item_ids, weighted).SerializeToString())


def random_sessions(seed, count=400, length=5, hot_item_share=0.0):
    """Sessions over 50 numeric item ids; `hot_item_share` of the events is one further item."""
    random = np.random.default_rng(seed)
    ids = random.integers(1000, 1050, (count, length)).astype(str)
    return np.where(random.random((count, length)) < hot_item_share, "hot", ids).tolist()


def datasets():
    good = random_sessions(1)
    return {
        "good": dict.fromkeys(SPLITS, good),
        "similar": dict.fromkeys(SPLITS, random_sessions(2)),
        "drifted": {**dict.fromkeys(SPLITS, good), "train": random_sessions(3, hot_item_share=0.3)},
        "shrunk": {**dict.fromkeys(SPLITS, good), "train": random_sessions(4, 100, length=2)},
        "broken": {**dict.fromkeys(SPLITS, good), "test": [[], *good]},
    }


class World:
    """A metadata store, its data sets, and a pipeline up to the gate and one node behind it."""

    def __init__(self, folder):
        self.folder = folder
        for name, splits in datasets().items():
            for split, sessions in splits.items():
                write_split(folder / name / f"Split-{split}", sessions, name == "similar")

    def run(self, data, options=LIMITS, counts=None):
        if counts is not None:
            file = self.folder / data / "rejects" / "report.json"
            file.parent.mkdir(exist_ok=True)
            file.write_text(Report(counts).to_json())
        examples = Importer(
            source_uri=str(self.folder / data),
            artifact_type=standard_artifacts.Examples,
            properties={"split_names": json.dumps(SPLITS)},
        ).with_id("Examples")
        statistics = StatisticsGen(examples=examples.outputs["result"])
        schema = ImportSchemaGen(schema_file=str(SCHEMA))
        validator = ExampleValidator(
            statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
        )
        previous = accepted_statistics()
        gate = DataGate(
            statistics=statistics.outputs["statistics"],
            anomalies=validator.outputs["anomalies"],
            schema=schema.outputs["schema"],
            previous_statistics=previous.outputs["statistics"],
            options=json.dumps(dataclasses.asdict(options)),
            source_digest=f"digest of {counts}",
            examples=None if counts is None else examples.outputs["result"],
        )
        behind = SchemaGen(statistics=statistics.outputs["statistics"]).with_id("Behind")
        behind.add_upstream_node(gate)
        LocalDagRunner().run(
            pipeline.Pipeline(
                pipeline_name="gate",
                pipeline_root=str(self.folder / "root"),
                components=[examples, statistics, schema, validator, previous, gate, behind],
                metadata_connection_config=metadata.sqlite_metadata_connection_config(
                    str(self.folder / "metadata.sqlite")
                ),
                beam_pipeline_args=BEAM_ARGS,
                enable_cache=True,
            )
        )

    def executions(self, node, output):
        folder = self.folder / "root" / node / output
        return sorted((int(path.name) for path in folder.iterdir()), reverse=True)

    def report(self):
        newest = self.executions("DataGate", "report")[0]
        file = self.folder / "root" / "DataGate" / "report" / str(newest) / "report.json"
        return json.loads(file.read_text())

    def verdicts(self):
        return {
            (check["split"], check["name"]): check["verdict"] for check in self.report()["checks"]
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("gate"))


def test_first_run_passes_and_has_nothing_to_compare_with(world, capsys):
    world.run("good")
    assert world.report()["compared_with"] is None
    assert world.verdicts()["train", "max_item_drift"] == "skipped"
    assert world.verdicts()["test", "min_sessions"] == "passed"
    lines = [line for line in capsys.readouterr().out.splitlines() if "Data gate" in line]
    assert lines == ["Data gate: passed, 7 checks, 0 anomalies tolerated, nothing to compare with"]


def test_numeric_item_ids_are_not_an_anomaly(world):
    assert not any(option == "stop_severities" for _, option in world.verdicts())


def test_second_run_compares_and_the_third_runs_nothing(world):
    world.run("good")
    assert world.verdicts()["train", "max_item_drift"] == "passed"
    (statistics,) = world.executions("StatisticsGen", "statistics")
    assert world.report()["compared_with"].endswith(f"/{statistics}")
    before = world.executions("DataGate", "report")
    assert len(before) == 2
    world.run("good")
    assert world.executions("DataGate", "report") == before


def test_similar_data_pass(world):
    world.run("similar")
    assert set(world.verdicts().values()) == {"passed"}
    world.run("good")


def test_drift_stops_the_run_with_a_readable_message_every_time(world):
    behind = world.executions("Behind", "schema")
    for _ in range(2):
        # Twice: stopped data must not become the measure of the next run.
        with pytest.raises(DataGateError) as stopped:
            world.run("drifted")
        message = str(stopped.value)
        assert "split train, item_ids: the largest change of an item's share" in message
        assert "item 'hot' changed most" in message
        assert "at most 0.05 is allowed" in message
        assert "relax checks.max_item_drift" in message
        assert "max_session_count_change" not in message
    assert world.executions("Behind", "schema") == behind


def test_a_relaxed_limit_lets_the_same_data_pass(world):
    world.run("drifted", options=DataGateOptions(max_item_drift=0.5))
    assert world.verdicts()["train", "max_item_drift"] == "passed"
    assert world.verdicts()["train", "max_item_divergence"] == "skipped"
    world.run("good", options=DataGateOptions())


def test_fewer_and_shorter_sessions_are_both_reported(world):
    with pytest.raises(DataGateError) as stopped:
        world.run("shrunk")
    message = str(stopped.value)
    assert "(from 400 to 100), at most 0.2 is allowed" in message
    assert "(from 5.00 to 2.00 items), at most 0.2 is allowed" in message


def test_an_anomaly_stops_the_run_and_names_split_and_feature(world):
    with pytest.raises(DataGateError) as stopped:
        world.run("broken")
    assert "split test, item_ids:" in str(stopped.value)
    assert "checks.stop_severities" in str(stopped.value)


def test_tolerated_anomalies_are_in_the_report(world):
    world.run("broken", options=DataGateOptions(stop_severities=()))
    anomalies = [c for c in world.report()["checks"] if c["name"] == "stop_severities"]
    assert {(c["split"], c["verdict"]) for c in anomalies} == {("test", "passed")}


def test_leaks_are_warned_of_in_the_output_and_the_report_and_copies_stop_the_run(world, capsys):
    read = {f"{split}.{name}": 400 for split in SPLITS for name in ("rows_read", "sessions")}
    starts = {f"{split}.{end}_start": 10**12 for split in SPLITS for end in ("first", "last")}
    counts = {**read, **starts, "test.sessions_also_in.train": 80}
    world.run("good", DataGateOptions(), counts)
    (warning,) = [s for s in capsys.readouterr().out.splitlines() if s.startswith("Warning: ")]
    assert warning.startswith("Warning: split test: 80 of 400 sessions (20.00%) have an id that is")
    assert warning.endswith("[checks.max_shared_sessions]")
    assert world.verdicts()["eval", "max_shared_sessions"] == "passed"
    with pytest.raises(DataGateError) as stopped:
        world.run("good", DataGateOptions(), {**counts, "test.sessions_copied_from.train": 300})
    assert "300 of 400 sessions (75.00%) are in the files of split train too" in str(stopped.value)
    assert "[checks.max_copied_sessions: 0.5]" in str(stopped.value)
