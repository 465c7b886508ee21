"""Why a split is empty, in words."""

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.ingest.empty_splits import no_session_left
from modules.ingest.input_files import InputFile, InputSplit
from modules.sessions.time_splits import CutRules, Period
from tests.timelines import timeline_of

NOW = 1_442_000_000_000
NO_TAIL = TailOptions()
INPUTS = [InputSplit("train", (InputFile("a.tsv", 0, None, 0),))]


def counts_of(starts, options, tail):
    found = timeline_of({"train": starts}, ["train"], options, tail, NOW)
    parts = {"train": 0, "eval": 0, "test": 0}
    for start in starts:
        cuts = found.cuts
        late = cuts.test is not None and start >= cuts.test
        parts["test" if late else "eval" if start >= cuts.eval else "train"] += 1
    return {**found.counts, **{f"{split}.sessions": n for split, n in parts.items()}}


def message(starts, options=SessionOptions(), tail=TailOptions(), name="train"):  # noqa: B008
    return no_session_left(counts_of(starts, options, tail), name, INPUTS, CutRules(options, tail))


def test_one_start_time_is_named_with_eval_as_the_fix():
    text = message([1442004589439] * 20)
    assert "eval is cut from the end of train by start time" in text
    assert "of its 20 sessions in a.tsv nothing is left for train" in text
    assert "All of them start at the same time, 2015-09-11 20:49:49.439 UTC" in text
    assert "How to fix it: give EVAL=path (data.eval); or correct the times." in text
    assert "TEST" not in text


def test_a_day_without_a_session_is_named_with_what_decides_the_day():
    day = 86_400_000
    rules = CutRules(SessionOptions(visitor_column="v"), period=Period(day, 2 * day, 3 * day))
    counts = timeline_of({"train": [day + 5, day + 9]}, ["train"], SessionOptions(), NO_TAIL, NOW)
    found = {**counts.counts, "train.sessions": 1, "eval.sessions": 1}
    text = no_session_left(found, "test", INPUTS, rules)
    assert "all of the 2 sessions in a.tsv start from 1970-01-02 00:00:00.005 UTC to" in text
    assert "split train, from 1970-01-03 00:00 to 1970-01-04 00:00 of split test" in text
    none = no_session_left({"train.rows_of_other_days": 3}, "train", INPUTS, rules)
    assert "rows_of_other_days 3" in none and none.endswith("that of its events, in UTC?")


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


def test_what_a_session_of_a_visitor_needs_is_named():
    options = SessionOptions(visitor_column="who", event_column="event", event_types=("view",))
    text = no_session_left({"train.rows_doubled": 3}, "train", INPUTS, CutRules(options))
    assert "train.rows_doubled 3. A session needs min_session_length = 2 events of type " in text
    assert "'view' of one 'who' without a pause of more than gap_minutes = 30." in text


def test_the_reason_of_most_lost_rows_says_which_option_to_look_at():
    options = SessionOptions(visitor_column="v", event_column="kind", event_types=("View",))
    rules = CutRules(options)
    for name, words in (
        ("rows_of_other_types", "of types other than event_types: is 'kind' the column"),
        ("rows_of_clock_outliers", "in the future: set time_unit to what the log has"),
        ("rows_of_rare_items", "fewer than min_item_support = 1 events"),
    ):
        counts = {"train.rows_read": 9, f"train.{name}": 8}
        text = no_session_left(counts, "train", INPUTS, rules)
        assert "8 of 9 rows are " in text and words in text
        few = {**counts, f"train.{name}": 4}
        assert "rows are" not in no_session_left(few, "train", INPUTS, rules)
