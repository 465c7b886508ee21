"""SessionExampleGen's whole graph on files of click logs."""

import json

import apache_beam as beam
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.test_pipeline import TestPipeline

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.ingest import beam_sessions, output_files
from modules.ingest.report import read_report
from modules.sessions.time_splits import CutRules
from tests.click_files import find, read_records

NO_TAIL = TailOptions()


def decode(serialized):
    feature = tf.train.Example.FromString(serialized).features.feature
    assert set(feature) == {"session_id", "item_ids", "event_times", "start_time"}
    return (
        feature["session_id"].bytes_list.value[0],
        feature["start_time"].int64_list.value[0],
        tuple(feature["item_ids"].bytes_list.value),
        tuple(feature["event_times"].int64_list.value),
    )


def run_graph(folder, patterns, sizes=(1 << 20, 1 << 20), tail=NO_TAIL, period=None, **options):
    """Runs the whole graph and returns examples by split, the report and the rejects."""
    return run_inputs(folder, find(folder, patterns, **options), sizes, tail, period, **options)


def run_inputs(folder, inputs, sizes=(1 << 20, 1 << 20), tail=NO_TAIL, period=None, **options):
    """Runs the whole graph on files that were found."""
    out = folder / "out"
    output_files.prepare(str(out), ["train", "eval", "test"])
    with TestPipeline(runner=FnApiRunner()) as pipeline:
        sessions = pipeline | beam_sessions.SessionsFromFiles(
            inputs, CutRules(SessionOptions(**options), tail, period), *sizes
        )
        _ = sessions.batches | beam.ParDo(output_files.WriteBatch(str(out)))
        _ = sessions.rejects | beam.ParDo(output_files.WriteRejects(str(out)))
        _ = sessions.report | "Report" >> beam.Map(output_files.write_report, str(out))
    examples = {
        split: sorted(decode(record) for record in read_records(out / f"Split-{split}"))
        for split in ("train", "eval", "test")
    }
    rejects = [
        json.loads(line)
        for path in sorted((out / "rejects").glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return examples, read_report(str(out)), rejects
