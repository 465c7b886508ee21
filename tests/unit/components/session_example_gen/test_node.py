"""The parts of SessionExampleGen that need no Beam: packing, files, messages, options."""

import gzip
import json
import os

import pytest
from tfx.proto import example_gen_pb2

from components.session_example_gen import driver
from components.session_example_gen.driver import files_digest
from components.session_example_gen.node import SessionExampleGen, read_settings
from modules.config.data import TailOptions
from modules.config.sessions import SessionOptions
from modules.ingest import beam_sessions, input_files, output_files, packing
from modules.ingest import counts as ingest_counts
from modules.ingest.report import Reject, Report
from modules.sessions.click_log import REJECT_REASONS
from modules.sessions.sessions import Session, SessionDataError
from tests.click_files import HEADER, find, input_config, read_records, rows_text


def test_packing_keeps_sessions_and_events():
    sessions = [
        Session(b"a", 5, [b"x", "é".encode(), b"z"], [5, 6, 2**50]),
        Session(b"b", 1, [b"y"], [9]),
    ]
    assert list(packing.unpack_sessions(packing.pack_sessions(sessions))) == sessions
    assert list(packing.unpack_sessions(packing.pack_sessions([]))) == []
    first = packing.pack_events(([b"a", b"b"], [b"x", b"y"], [5, 6], [0, 2**60]))
    second = packing.pack_events(([b"a"], [b"z"], [4], [9]))
    assert packing.group_events([first, second]) == {
        b"a": [(5, 0, b"x"), (4, 9, b"z")],
        b"b": [(6, 2**60, b"y")],
    }


def test_a_second_run_of_an_element_changes_nothing(tmp_path):
    output_files.prepare(str(tmp_path), ["train"])
    path = tmp_path / "Split-train" / "data_tfrecord-00001-of-00002.gz"
    writer = output_files.WriteBatch(str(tmp_path))
    for _ in range(2):
        assert list(writer.process(beam_sessions.Batch("train", "train", 1, 2, [b"one"]))) == [
            str(path)
        ]
    output_files.finish(str(tmp_path))
    assert read_records(tmp_path / "Split-train") == [b"one"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["Split-train", "rejects"]


def test_what_an_earlier_attempt_left_is_removed(tmp_path):
    output_files.prepare(str(tmp_path), ["train"])
    (tmp_path / "Split-train" / "data_tfrecord-00000-of-00009.gz").write_bytes(b"old")
    output_files.prepare(str(tmp_path), ["train"])
    assert list((tmp_path / "Split-train").iterdir()) == []


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("tail", "what"),
    [
        (rows_text([(b"s", b"i", 5)] * 180, end=b"\r"), "a carriage return alone"),
        (gzip.compress(HEADER + b"s\ti\t5\n"), "a part compressed with gzip"),
        (b"ItemId\tSessionId\tTime\ni\ts\t5\n", "a second header"),
    ],
    ids=["carriage returns", "gzip", "header"],
)
def test_files_joined_to_one_that_cannot_be_read_with_it_stop_the_run(tmp_path, tail, what, pack):
    path = tmp_path / "clicks.tsv"
    path.write_bytes(pack(HEADER + rows_text([(b"s", b"i", 5)] * 300) + tail))
    inputs = find(tmp_path, {"train": "*"})
    reader = beam_sessions.ReadEvents(SessionOptions(), {"train": 1})
    (piece,) = input_files.pieces(inputs)
    found = [one.value for one in reader.process(tuple(piece)) if hasattr(one, "value")]
    merged = ingest_counts.merge_reports(one for one in found if isinstance(one, Report))
    with pytest.raises(SessionDataError) as caught:
        ingest_counts.check_report(
            merged, inputs, ["train"], SessionOptions(max_reject_fraction=0.5)
        )
    assert f"{path} " in str(caught.value)
    assert what in str(caught.value)


def file_split(name, *paths):
    files = tuple(
        input_files.InputFile(path, rank, (), 0, 0, "") for rank, path in enumerate(paths)
    )
    return input_files.InputSplit(name, "pattern", files)


def test_too_many_bad_rows_stop_the_run_with_counts_and_the_first_examples():
    rejects = [
        Reject("train", 0, 100 * number, "a.tsv", "time", f"row {number}")
        for number in reversed(range(30))
    ]
    counts = {
        "train.rows_read": 1000,
        "train.rows_rejected.time": 30,
        "train.rows_rejected.empty_id": 2,
        "train.sessions": 9,
    }
    merged = ingest_counts.merge_reports([Report(counts, rejects), Report({})])
    with pytest.raises(SessionDataError) as caught:
        ingest_counts.check_report(
            merged, [file_split("train", "a.tsv")], ["train"], SessionOptions()
        )
    assert str(caught.value).splitlines() == [
        "Split 'train': 32 of 1000 rows in a.tsv are bad (3.20%; empty_id 2, time 30), "
        "more than 1.00%.",
        "Correct the rows, or raise sessions.max_reject_fraction. The first of them:",
        *(f"  a.tsv at byte {100 * n}: time: 'row {n}'" for n in range(5)),
        f"empty_id: {REJECT_REASONS['empty_id']}",
        "time: Write times in column 'Time' as ISO 8601, such as 2014-07-04 or "
        "2014-07-04T10:51:09Z (not 04/07/2014, April or July?), or as numbers since 1970. They are "
        "read as sessions.time_unit = auto, one of auto, milliseconds, seconds, microseconds, "
        "nanoseconds, iso8601.",
    ]
    allowed = SessionOptions(max_reject_fraction=0.032)
    ingest_counts.check_report(merged, [file_split("train", "a.tsv")], ["train"], allowed)


def test_a_huge_bad_row_is_quoted_in_part_however_often_reports_are_merged():
    row = "s1\t\u202e" + "x" * 1_000_000
    reject = Reject("train", 0, 5, "a.tsv", "field_count", row)
    counts = {"train.rows_read": 1, "train.rows_rejected.field_count": 1}
    merged = ingest_counts.merge_reports([Report(counts, [reject])])
    merged = ingest_counts.merge_reports([merged, Report({})])
    text = merged.to_json()
    assert len(text) < 1000
    for found in (
        merged,
        Report.from_json(text),
        Report(counts, [reject]),
    ):
        with pytest.raises(SessionDataError) as caught:
            ingest_counts.check_report(
                found, [file_split("train", "a.tsv")], ["train"], SessionOptions()
            )
        (line,) = [line for line in str(caught.value).splitlines() if "at byte" in line]
        cut = f"'s1\\t\\u202e{'x' * 196}' and 999,804 more characters"
        assert line == f"  a.tsv at byte 5: field_count: {cut}"
    assert json.loads(reject.to_json())["text"] == row  # the rejects file has all of it


def test_no_session_left_names_files_column_and_what_was_found():
    inputs = [file_split("train", "a.tsv", "b.tsv", "c.tsv", "d.tsv"), file_split("test", "t.tsv")]
    counts = {"train.rows_read": 3, "train.sessions_too_short": 3, "train.rows_too_short": 3}
    with pytest.raises(SessionDataError) as caught:
        ingest_counts.check_report(
            Report(counts), inputs, ["train", "eval", "test"], SessionOptions()
        )
    assert str(caught.value) == (
        "Split 'train' has no session left. Read from a.tsv, b.tsv, c.tsv and 1 more: "
        "train.rows_read 3, train.rows_too_short 3, train.sessions_too_short 3. A session needs "
        "min_session_length = 2 events with the same 'SessionId'."
    )
    counts = {"train.sessions": 1, "eval.sessions": 1}
    with pytest.raises(
        SessionDataError, match=r"'test' has no session left\. Read from t\.tsv: no"
    ):
        ingest_counts.check_report(
            Report(counts), inputs, ["train", "eval", "test"], SessionOptions()
        )


def test_properties_are_complete_and_the_report_survives_its_file():
    inputs = [
        input_files.InputSplit("train", "*", ("a", "b")),
        input_files.InputSplit("test", "*", ("c",)),
    ]
    properties = ingest_counts.artifact_properties({"train.items": 7}, inputs, ["train", "eval"])
    assert properties["train.items"] == 7
    assert (properties["train.files"], properties["test.files"]) == (2, 1)
    assert properties["test.rows_rejected.encoding"] == properties["eval.rows_capped"] == 0
    assert properties["test.sessions_copied_from.train"] == 0
    assert properties["eval.sessions_before_end_of.train"] == properties["train.first_start"] == 0
    assert len(properties) == 2 * (3 + len(REJECT_REASONS)) + 2 + 2 * 15 + 1
    reject = Reject("train", 0, 5, "a.tsv", "time", "é\ud7ff")
    full = Report({"train.rows_read": 2}, [reject], ["broken"], {"train": {b"a", b"b"}})
    assert Report.from_json(full.to_json()) == Report(
        {"train.rows_read": 2, "train.items": 2}, [reject], ["broken"]
    )


def test_options_travel_with_the_component():
    options = SessionOptions(max_session_length=50, eval_hours=1.5, delimiter=";")
    node = SessionExampleGen("/data", input_config(train="a.tsv"), options, "digest")
    assert read_settings(node.exec_properties).sessions == options
    again = SessionExampleGen("/data", input_config(train="a.tsv"), options, "digest")
    other = SessionExampleGen("/data", input_config(train="a.tsv"), options, "changed")
    config = "custom_config"
    assert again.exec_properties[config] == node.exec_properties[config]
    assert other.exec_properties[config] != node.exec_properties[config]


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([("eval", "a")], "input splits must be train, optionally eval and test"),
        ([("train", "a"), ("train", "b")], r"each once, got \['train', 'train'\]"),
        ([("train", "a"), ("valid", "b")], r"each once, got \['train', 'valid'\]"),
        ([("train", "")], "input split 'train' must have a file pattern"),
    ],
)
def test_input_splits_that_cannot_be_used_are_named(splits, message):
    config = example_gen_pb2.Input(
        splits=[example_gen_pb2.Input.Split(name=name, pattern=p) for name, p in splits]
    )
    with pytest.raises(ValueError, match=message):
        SessionExampleGen("/data", config, SessionOptions())


def test_the_cut_of_test_travels_and_needs_train_alone():
    tail = TailOptions(test_days=2)
    node = SessionExampleGen("/data", input_config(train="a.tsv"), SessionOptions(), tail=tail)
    assert read_settings(node.exec_properties).tail == tail
    for other in ("eval", "test"):
        with pytest.raises(ValueError, match=rf"train alone, got \['{other}'\] too"):
            SessionExampleGen(
                "/data", input_config(train="a", **{other: "b"}), SessionOptions(), tail=tail
            )
    bad = TailOptions(test_fraction=1.0)
    with pytest.raises(ValueError, match=r"test_fraction must be above 0 and below 1, got 1\.0"):
        SessionExampleGen("/data", input_config(train="a"), SessionOptions(), tail=bad)


def test_bad_options_are_refused_all_at_once():
    options = SessionOptions(time_unit="days", eval_fraction=2)
    with pytest.raises(ValueError, match=r"cannot be built:\ntime_unit must be .*\neval_fraction"):
        SessionExampleGen("/data", input_config(train="a.tsv"), options)


def test_the_digest_of_files_sees_names_lengths_and_times(tmp_path):
    pattern = str(tmp_path / "*.tsv")
    path = tmp_path / "a.tsv"
    path.write_bytes(b"one")
    digests = {files_digest({"train": pattern})}
    assert files_digest({"train": pattern}) in digests
    path.write_bytes(b"two, longer")
    digests.add(files_digest({"train": pattern}))
    second = 1_700_000_000_000_000_000
    for time in (second + 1_000, second + 2_000):  # TensorFlow's own times are of seconds
        os.utime(path, ns=(time, time))
        digests.add(files_digest({"train": pattern}))
    path.rename(tmp_path / "b.tsv")
    digests.add(files_digest({"train": pattern}))
    digests.add(files_digest({"train": pattern, "test": pattern}))
    assert len(digests) == 6


def test_a_file_that_is_removed_before_it_is_digested_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "find_files", lambda pattern: [str(tmp_path / "gone.tsv")])
    with pytest.raises(SessionDataError, match=r"'train': .*gone\.tsv cannot be read: "):
        files_digest({"train": str(tmp_path / "*.tsv")})
