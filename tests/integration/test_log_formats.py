"""One log in every format, through SessionExampleGen's own graph: the same Examples by the byte."""

import random

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.test_pipeline import TestPipeline

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.ingest import beam_sessions, output_files
from modules.ingest import counts as ingest_counts
from modules.ingest.report import read_report
from modules.sessions.time_splits import CutRules
from tests import log_formats
from tests.click_files import NOW, find, read_records

PIECE_BYTES = 3000
FORMATS = ("csv", "jsonl", "jsonl.gz", "parquet", "times.parquet", "avro")


def made_up_log():
    """Rows in any order: events at the same time, odd ids, items that are missing."""
    draw = random.Random(4)
    items = ["é", "a b", 'x"y'.replace('"', "'"), "0007", *(f"item {at}" for at in range(30))]
    rows = [
        (draw.randrange(150), draw.choice(items), NOW + 1000 * draw.randrange(400))
        for _ in range(900)
    ]
    for at in (5, 400, 800):
        rows[at] = (rows[at][0], None, rows[at][2])
    return rows


def run_graph(folder, options):
    """Returns the serialized examples by split, in their files' order, and the counts."""
    inputs = find(folder, {"train": "clicks-*"}, **options)
    rules = CutRules(SessionOptions(**options), TailOptions(), None)
    out = folder / "out"
    output_files.prepare(str(out), ["train", "eval"])
    with TestPipeline(runner=FnApiRunner()) as pipeline:
        sessions = pipeline | beam_sessions.SessionsFromFiles(inputs, rules, PIECE_BYTES, 1 << 30)
        _ = sessions.batches | beam.ParDo(output_files.WriteBatch(str(out)))
        _ = sessions.rejects | beam.ParDo(output_files.WriteRejects(str(out)))
        _ = sessions.report | beam.Map(output_files.write_report, str(out))
    report = read_report(str(out))
    ingest_counts.check_report(report, inputs, ["train", "eval"], rules)
    examples = {split: read_records(out / f"Split-{split}") for split in ("train", "eval")}
    return examples, report.counts


def write_files(folder, rows, writers):
    folder.mkdir()
    third = len(rows) // 3
    for number, write in enumerate(writers):
        (folder / f"clicks-{number}").write_bytes(write(rows[number * third :][:third]))
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = write_files(
        tmp_path_factory.mktemp("log") / "tsv", made_up_log(), [log_formats.tsv] * 3
    )
    examples, counts = run_graph(folder, {"delimiter": "\t"})
    assert len(examples["train"]) > 80 and len(examples["eval"]) > 10
    assert counts["train.rows_read"] == 900
    assert counts["train.rows_rejected.empty_id"] == 3
    return examples, counts


def test_files_are_cut_into_parts(tmp_path):
    for name in ("jsonl", "parquet", "avro"):
        write_files(tmp_path / name, made_up_log(), [log_formats.FORMATS[name]])
        ((file,),) = (split.files for split in find(tmp_path / name, {"train": "*"}))
        assert len([*file.contents.parts(file.length, PIECE_BYTES)]) > 1


@pytest.mark.parametrize("name", FORMATS)
def test_a_log_in_any_format_gives_the_same_examples(tmp_path, name, expected):
    folder = write_files(tmp_path / "log", made_up_log(), [log_formats.FORMATS[name]] * 3)
    options = {"delimiter": ","} if name == "csv" else {}
    assert run_graph(folder, options) == expected


def test_files_of_several_formats_are_one_log(tmp_path, expected):
    writers = [log_formats.FORMATS[name] for name in ("avro", "jsonl.gz", "parquet")]
    folder = write_files(tmp_path / "log", made_up_log(), writers)
    assert run_graph(folder, {}) == expected


@pytest.mark.parametrize("name", log_formats.NESTED)
def test_sessions_with_lists_of_events_are_those_of_rows_and_every_event_is_counted(tmp_path, name):
    rows = [row for row in made_up_log() if row[1] is not None]
    records = log_formats.nested_records(rows)[:129]
    for record in records[::3]:
        record["events"].append({"aid": "cart", "ts": NOW, "type": "carts"})
    folder = write_files(tmp_path / "nested", records, [log_formats.NESTED[name]] * 3)
    examples, counts = run_graph(folder, log_formats.OTTO)
    number = sum(len(record["events"]) for record in records)
    assert counts["train.rows_read"] == number
    assert counts["train.rows_of_other_types"] == len(records[::3])
    kept = ("kept", "too_short")
    assert number == counts["train.rows_of_other_types"] + sum(
        counts.get(f"{split}.rows_{what}", 0) for split in ("train", "eval") for what in kept
    )
    flat = tmp_path / "flat"
    flat.mkdir()
    ordered = [
        (record["session"], event["aid"], event["ts"])
        for record in records
        for event in record["events"]
        if event["type"] == "clicks"
    ]
    (flat / "clicks-0").write_bytes(log_formats.tsv(ordered))
    assert run_graph(flat, {})[0] == examples
