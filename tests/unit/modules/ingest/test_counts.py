"""Reports: merged, checked, stored."""

import json

import pytest

from modules.config.options.sessions import SessionOptions
from modules.ingest import counts as ingest_counts
from modules.ingest import input_files
from modules.ingest.report import Reject, Report
from modules.sessions.row_checks import REJECT_REASONS
from modules.sessions.sessions import SessionDataError
from modules.sessions.time_splits import CutRules


def file_split(name, *paths):
    files = tuple(input_files.InputFile(path, rank, None, 0) for rank, path in enumerate(paths))
    return input_files.InputSplit(name, files)


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
            merged, [file_split("train", "a.tsv")], ["train"], CutRules(SessionOptions())
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
    ingest_counts.check_report(merged, [file_split("train", "a.tsv")], ["train"], CutRules(allowed))


def test_counts_are_added_and_errors_kept_once_up_to_a_limit():
    errors = [f"file {number:04} is damaged" for number in range(1_500)]
    reports = [Report({"train.sessions": 1}, errors=[error]) for error in reversed(errors)]
    first = ingest_counts.merge_reports(reports[:900])
    merged = ingest_counts.merge_reports([first, *reports[900:], *reports[:9]])
    assert merged == Report({"train.sessions": 1_509}, [], errors[:1_000])


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
                found, [file_split("train", "a.tsv")], ["train"], CutRules(SessionOptions())
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
            Report(counts), inputs, ["train", "eval", "test"], CutRules(SessionOptions())
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
            Report(counts), inputs, ["train", "eval", "test"], CutRules(SessionOptions())
        )


def test_properties_are_complete():
    inputs = [
        input_files.InputSplit("train", ("a", "b")),
        input_files.InputSplit("test", ("c",)),
    ]
    properties = ingest_counts.artifact_properties({"train.items": 7}, inputs, ["train", "eval"])
    assert properties["train.items"] == 7
    assert (properties["train.files"], properties["test.files"]) == (2, 1)
    assert properties["test.rows_rejected.encoding"] == properties["eval.rows_capped"] == 0
    assert properties["test.sessions_copied_from.train"] == 0
    assert properties["eval.sessions_before_end_of.train"] == properties["train.first_start"] == 0
    assert len(properties) == 2 * (3 + len(REJECT_REASONS)) + 2 + 2 * 16 + 1


def test_properties_of_visitors_are_complete_too():
    inputs = [input_files.InputSplit("train", ("a",))]
    options = SessionOptions(visitor_column="visitor")
    counts = {"train.rows_of_bots": 7}
    properties = ingest_counts.artifact_properties(counts, inputs, ["train", "eval"], options)
    plain = ingest_counts.artifact_properties(counts, inputs, ["train", "eval"])
    assert {name: properties[name] for name in properties.keys() - plain.keys()} == {
        **{f"train.{name}": 0 for name in ingest_counts.VISITOR_COUNTS},
        "train.rows_of_bots": 7,
    }
    weighted = SessionOptions(visitor_column="v", event_column="e", event_weights={"cart": 3})
    more = ingest_counts.artifact_properties(counts, inputs, ["train", "eval"], weighted)
    assert more.keys() - properties.keys() == {"train.events_weighted", "eval.events_weighted"}
    forgetting = SessionOptions(visitor_column="v", forget_file="ids.txt")
    more = ingest_counts.artifact_properties(counts, inputs, ["train", "eval"], forgetting)
    assert more.keys() - properties.keys() == {"train.rows_forgotten"}
    pauses = {f"{split}.sessions_with_pause" for split in ("train", "eval")}
    assert plain.keys() - properties.keys() == pauses
