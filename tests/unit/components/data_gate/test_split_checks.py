"""Leaks between splits and times that make no sense: verdicts and words of the data gate."""

import doctest

import pytest

from components.data_gate import split_checks as split_checks_module
from components.data_gate.split_checks import split_checks
from modules.config.options.data import TailOptions
from modules.config.options.data_gate import DataGateOptions
from modules.config.options.sessions import SessionOptions
from modules.gate.check_record import FAILED, PASSED, WARNING
from modules.sessions.time_splits import output_split
from tests.timelines import timeline_of

DAY = 86_400_000
NOW = 1_442_000_000_000


def counts_of(starts, tail=TailOptions(), **options):  # noqa: B008
    """What SessionExampleGen counts of sessions with these start times, by input split."""
    found = timeline_of(starts, starts, SessionOptions(**options), tail, NOW)
    counts = {f"{split}.rows_read": 2 * len(times) for split, times in starts.items()}
    for source, times in starts.items():
        for time in times:
            name = f"{output_split(source, time, found.cuts)}.sessions"
            counts[name] = counts.get(name, 0) + 1
    return {**counts, **found.counts}


def checks_of(counts, **options):
    found = {}
    for check in split_checks(counts, DataGateOptions(**options)):
        found.setdefault(check.name, {})[check.split] = check
    return found


def days(first, last):
    return [NOW + day * DAY - 400 * DAY for day in range(first, last)]


def test_healthy_splits_pass_without_a_warning():
    for counts in (
        counts_of({"train": days(0, 100), "test": days(100, 107)}),
        counts_of({"train": days(0, 80), "eval": days(80, 90), "test": days(90, 95)}),
        counts_of({"train": days(0, 100)}, TailOptions(test_days=5)),
    ):
        found = list(split_checks(counts, DataGateOptions()))
        assert {check.verdict for check in found} == {PASSED}
        assert all(check.value == 0 for check in found if check.name != "max_time_gap")


def test_nothing_is_checked_without_counts():
    assert list(split_checks({}, DataGateOptions())) == []


@pytest.mark.parametrize(("train", "test"), [(100, 20), (20, 100)])
def test_a_copy_stops_the_run_whichever_file_holds_the_other(train, test):
    counts = counts_of({"train": days(0, train), "test": days(100, 100 + test)})
    counts |= {"test.sessions_also_in.train": 20, "test.sessions_copied_from.train": 20}
    check = checks_of(counts)["max_copied_sessions"]["test"]
    assert (check.verdict, check.value) == (FAILED, 1.0)
    assert "20 of" in check.reason
    assert "in the files of split train too, with the same items and times" in check.reason
    assert checks_of(counts, max_copied_sessions=None)["max_copied_sessions"]["test"].verdict == (
        WARNING
    )


def test_a_few_copies_and_shared_ids_are_warned_of_with_counts():
    counts = counts_of({"train": days(0, 100), "test": days(100, 150)})
    counts |= {"test.sessions_also_in.train": 30, "test.sessions_copied_from.train": 1}
    found = checks_of(counts)
    assert found["max_copied_sessions"]["test"].verdict == WARNING
    shared = found["max_shared_sessions"]["test"]
    assert shared.verdict == WARNING
    assert shared.reason.startswith("30 of 50 sessions (60.00%) have an id that is in the")
    limited = checks_of(counts, max_shared_sessions=0.5)["max_shared_sessions"]["test"]
    assert limited.verdict == FAILED


@pytest.mark.parametrize(
    ("option", "name", "split"),
    [
        ("max_copied_sessions", "test.sessions_copied_from.train", "test"),
        ("max_shared_sessions", "test.sessions_also_in.train", "test"),
        ("max_implausible_times", "test.sessions_before_1990", "test"),
        ("max_time_overlap", "test.sessions_before_end_of.eval", "test"),
    ],
)
def test_one_session_of_millions_is_seen(option, name, split):
    counts = counts_of({"train": days(0, 100), "test": days(100, 107)})
    counts |= {"train.sessions": 3_000_000, "test.sessions": 3_000_000, name: 1}
    check = checks_of(counts, **{option: 0})[option][split]
    assert (check.verdict, check.value) == (FAILED, 1 / 3_000_000)
    assert "1 of 3,000,000 sessions (below 0.01%)" in check.reason
    if option != "max_time_overlap":  # 1 % is ordinary there
        assert checks_of(counts, **{option: None})[option][split].verdict == WARNING


def test_sessions_cut_from_train_count_as_trains():
    counts = counts_of({"train": days(0, 100), "test": days(100, 200)}, eval_fraction=0.9)
    assert counts["train.sessions"] == 10
    counts |= {"test.sessions_copied_from.train": 10}
    assert checks_of(counts)["max_copied_sessions"]["test"].value == 0.1


def test_a_test_that_starts_before_training_ends_is_warned_of():
    found = checks_of(counts_of({"train": days(100, 120), "test": days(0, 20)}))
    assert found["max_time_overlap"]["test"].verdict == WARNING
    assert found["max_time_overlap"]["test"].value == 1.0
    assert (
        "20 of 20 sessions (100.00%) start before the last session in the files of split train"
        in (found["max_time_overlap"]["test"].reason)
    )
    late = counts_of({"train": days(0, 100), "test": [*days(50, 51), *days(100, 300)]})
    check = checks_of(late)["max_time_overlap"]["test"]
    assert (check.verdict, round(check.value, 4)) == (PASSED, 0.005)  # a long session, say
    assert checks_of(late, max_time_overlap=0)["max_time_overlap"]["test"].verdict == FAILED


@pytest.mark.parametrize(
    ("tail", "options"),
    [(TailOptions(), {"eval_hours": 24}), (TailOptions(test_days=1), {})],
    ids=["eval", "test"],
)
def test_one_session_of_a_wrong_clock_is_not_evaluated_alone(tail, options):
    wrong = 4_102_444_800_000  # the year 2100
    counts = counts_of({"train": [*days(0, 100), wrong]}, tail, **options)
    split = "test" if tail else "eval"
    assert counts[f"{split}.sessions"] == 1
    found = checks_of(counts)
    assert found["max_time_gap"][split].verdict == FAILED
    assert "the first of 1 session starts on 2100-01-01" in found["max_time_gap"][split].reason
    assert found["max_implausible_times"][split].verdict == WARNING
    assert found["max_implausible_times"]["train"].verdict == PASSED


def test_a_wrong_clock_is_seen_after_many_years_too():
    ten_years = [NOW - week * 7 * DAY for week in range(520)]
    counts = counts_of({"train": ten_years, "test": [4_102_444_800_000]})
    assert checks_of(counts)["max_time_gap"]["test"].verdict == FAILED
    half_a_year = counts_of({"train": ten_years, "test": [NOW + 180 * DAY]})
    assert checks_of(half_a_year)["max_time_gap"]["test"].verdict == PASSED


def test_a_gap_is_measured_by_what_train_spans():
    counts = counts_of({"train": days(0, 11), "test": days(30, 40)})
    check = checks_of(counts)["max_time_gap"]["test"]
    assert (check.value, check.verdict) == (2.0, WARNING)
    barely = {"test.first_start": days(20, 21)[0] + 1}
    within = checks_of(counts | barely, max_time_gap=1)["max_time_gap"]["test"]
    assert within.verdict == FAILED
    one_day = counts_of({"train": days(0, 1), "test": days(6, 7)})
    assert checks_of(one_day)["max_time_gap"]["test"].value == 6.0


def test_times_before_1990_and_after_tomorrow_are_warned_of_with_counts():
    counts = counts_of({"train": [0, 5, *days(0, 98)], "test": [NOW + 3 * DAY, NOW]})
    found = checks_of(counts)["max_implausible_times"]
    assert (found["train"].verdict, found["train"].value) == (WARNING, 2 / 85)
    assert found["train"].reason.startswith(
        "2 of 85 sessions (2.35%) start before 1990 and 0 later than tomorrow"
    )
    assert "(sessions.time_unit)" in found["train"].reason
    assert "0 of 2 sessions (0.00%) start before 1990 and 1 later" in found["test"].reason
    limited = checks_of(counts, max_implausible_times=0.1)["max_implausible_times"]
    assert (limited["train"].verdict, limited["test"].verdict) == (WARNING, FAILED)


def test_a_cut_at_one_crowded_time_is_warned_of():
    dates = [NOW - 400 * DAY] * 20 + [NOW - 399 * DAY] * 80
    found = checks_of(counts_of({"train": dates}))["max_tied_sessions"]
    assert set(found) == {"eval"}
    assert (found["eval"].verdict, found["eval"].value) == (WARNING, 65 / 80)
    assert "Give EVAL=path (data.eval) as a file" in found["eval"].reason


@pytest.mark.parametrize(
    ("paused", "verdict"), [(0, PASSED), (6, PASSED), (100, PASSED), (101, WARNING), (833, WARNING)]
)
def test_visitors_that_are_read_as_sessions_are_warned_of(paused, verdict):
    counts = counts_of(
        {"train": [NOW - 400 * DAY + n for n in range(1000)], "test": days(390, 395)}
    )
    counts |= {"train.sessions": 1000, "train.sessions_with_pause": paused}
    (check,) = checks_of(counts)["max_paused_sessions"].values()
    assert (check.split, check.verdict, check.value) == ("train", verdict, paused / 1000)
    assert check.reason.startswith(f"{paused} of 1,000 sessions (")
    assert ("sessions.visitor_column" in check.reason) == (verdict == WARNING)
    if paused:
        (limited,) = checks_of(counts, max_paused_sessions=0)["max_paused_sessions"].values()
        assert limited.verdict == FAILED


def test_a_log_of_visitors_has_no_pauses_to_check():
    counts = counts_of({"train": days(0, 100)})
    assert "max_paused_sessions" not in checks_of(counts)


def test_the_examples_in_docstrings_hold():
    result = doctest.testmod(split_checks_module)
    assert result.attempted > 0
    assert result.failed == 0
