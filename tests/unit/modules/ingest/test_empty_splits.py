"""Why a split is empty, in words."""

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.ingest.empty_splits import no_session_left
from modules.ingest.input_files import InputFile, InputSplit
from modules.sessions.time_splits import timeline

NOW = 1_442_000_000_000
INPUTS = [InputSplit("train", (InputFile("a.tsv", 0, (), 0, 0, ""),))]


def counts_of(starts, options, tail):
    found = timeline({"train": starts}, ["train"], options, tail, NOW)
    parts = {"train": 0, "eval": 0, "test": 0}
    for start in starts:
        cuts = found.cuts
        late = cuts.test is not None and start >= cuts.test
        parts["test" if late else "eval" if start >= cuts.eval else "train"] += 1
    return {**found.counts, **{f"{split}.sessions": n for split, n in parts.items()}}


def message(starts, options=SessionOptions(), tail=TailOptions(), name="train"):  # noqa: B008
    return no_session_left(counts_of(starts, options, tail), name, INPUTS, options, tail)


def test_one_start_time_is_named_with_eval_as_the_fix():
    text = message([1442004589439] * 20)
    assert "eval is cut from the end of train by start time" in text
    assert "of its 20 sessions in a.tsv nothing is left for train" in text
    assert "All of them start at the same time, 2015-09-11 20:49:49.439 UTC" in text
    assert "How to fix it: give EVAL=path (data.eval); or correct the times." in text
    assert "TEST" not in text


def test_with_test_cut_too_both_files_are_named():
    text = message([5, 6] * 10, tail=TailOptions(test_fraction=0.15))
    assert "eval and test are cut" in text
    assert "give EVAL=path (data.eval) and TEST=path (data.test)" in text
    assert "data.test_fraction = 0.15, sessions.eval_fraction = 0.15" in text


def test_few_start_times_and_long_periods_are_named():
    two = message([5, 5, 9], tail=TailOptions(test_fraction=0.15))
    assert "They start at 2 different times, from 1970-01-01 00:00:00.005 UTC to" in two
    long = message([5, 6, 7, 9], SessionOptions(eval_hours=24))
    assert "cut off less: sessions.eval_hours = 24" in long
    days = message([5, 6, 7, 9], tail=TailOptions(test_days=30))
    assert "data.test_days = 30, sessions.eval_fraction = 0.15" in days


def test_a_period_below_a_millisecond_is_too_short_not_too_long():
    hours = message([5, 6, 7, 9], SessionOptions(eval_hours=1e-9), name="eval")
    assert "or cut off more: sessions.eval_hours = 1e-09." in hours
    days = message([5, 6, 7, 9], tail=TailOptions(test_days=1e-12), name="test")
    assert "or cut off more: data.test_days = 1e-12." in days
    assert "less" not in hours + days
