"""The summary of a run, from counts and sessions."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from modules.sessions.examples import ExampleEncoder
from pipeline.paths import PROJECT
from pipeline.run.summary import data_counts, example_sessions
from tests.run_summaries import COUNTS, make_summary


def test_counts_of_rows_add_up_over_splits() -> None:
    counts = data_counts(COUNTS)
    rows = counts["rows"]
    assert (rows["read"], rows["kept"]) == (1500, 1397)
    assert rows["rejected"] == {"empty_id": 2, "time": 4}
    assert rows["by_split"]["train"]["rejected"] == {"empty_id": 0, "time": 3}
    assert rows["by_split"]["eval"] == {
        "read": None,
        "kept": 100,
        "rejected": {},
        "dropped": {"too_short": 0, "capped": 0, "repeated": 0, "sampled_out": 0},
    }
    dropped = sum(sum(split["dropped"].values()) for split in rows["by_split"].values())
    assert rows["read"] == rows["kept"] + sum(rows["rejected"].values()) + dropped
    assert counts["sessions"] == {"train": 200, "eval": 25, "test": 120}
    assert counts["items"] == {"train": 90, "eval": 40, "test": 80}


def test_counts_of_leaks_and_times_are_kept_by_split() -> None:
    told = {
        "first_start": 1442004589439,
        "sessions_also_in.train": 3,
        "sessions_before_1990": 0,
        "sessions_before_end_of.eval": 2,
        "sessions_copied_from.train": 1,
    }
    counts = data_counts({**COUNTS, **{f"test.{name}": value for name, value in told.items()}})
    assert counts["split_counts"] == {"train": {}, "eval": {}, "test": told}


def test_example_sessions_are_of_the_evaluated_split(tmp_path: Path) -> None:
    encode = ExampleEncoder().encode
    for split, count in (("eval", 4), ("train", 9)):
        (tmp_path / f"Split-{split}").mkdir()
        items = [b"%s%d" % (split.encode(), number) for number in range(count)]
        with tf.io.TFRecordWriter(str(tmp_path / f"Split-{split}" / "data.gz"), "GZIP") as file:
            file.write(encode(b"s", 1, items, range(count)))
    assert example_sessions(tmp_path, "eval") == [["eval0", "eval1", "eval2", "eval3"]]
    assert example_sessions(tmp_path, "train") == []  # too long to read with ease
    assert example_sessions(tmp_path, "test") == []


def test_every_key_is_documented() -> None:
    text = (PROJECT / "docs" / "summary.md").read_text("utf-8")
    for key in make_summary():
        assert f"`{key}" in text, f"docs/summary.md does not tell what {key!r} is"


def test_rows_dropped_of_visitors_are_among_the_dropped() -> None:
    names = ("doubled", "of_clock_outliers", "of_bots", "of_large_visitors", "of_other_types")
    counts = {f"train.rows_{name}": number for number, name in enumerate(names)}
    (train,) = data_counts({**counts, "train.rows_read": 10})["rows"]["by_split"].values()
    assert sum(train["dropped"].values()) == 10
    assert {name: train["dropped"][name] for name in names} == dict(
        zip(names, range(5), strict=True)
    )
