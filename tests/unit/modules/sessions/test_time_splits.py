"""Where train is cut by time, and what start times say."""

import doctest
import itertools
import random

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.sessions import time_splits
from modules.sessions.start_histogram import StartHistogram
from modules.sessions.time_splits import (
    CutRules,
    Cuts,
    Part,
    Period,
    hours_to_look_into,
    output_split,
    time_counts,
    timeline,
)
from tests.timelines import cuts_of, timeline_of

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_442_000_000_000


def eval_cut(starts, options):
    return cuts_of(starts, options).eval


def test_eval_by_fraction_takes_the_last_sessions_by_start():
    starts = list(range(100, 200))
    random.Random(0).shuffle(starts)
    cut = eval_cut(starts, SessionOptions(eval_fraction=0.15))
    assert sorted(start for start in starts if start >= cut) == list(range(185, 200))


def test_equal_start_times_fall_on_one_side():
    starts = [1, 2, 3, 7, 7, 7, 7, 9]
    cut = eval_cut(starts, SessionOptions(eval_fraction=0.25))
    assert [start for start in starts if start >= cut] == [7, 7, 7, 7, 9]


def test_eval_by_hours_counts_back_from_the_latest_start_and_wins():
    starts = [0, HOUR, 2 * HOUR, 2 * HOUR + 1, 4 * HOUR]
    cut = eval_cut(starts, SessionOptions(eval_hours=2, eval_fraction=0.9))
    assert [start for start in starts if start >= cut] == [2 * HOUR + 1, 4 * HOUR]
    assert eval_cut(starts, SessionOptions(eval_hours=0.5)) == 4 * HOUR - HOUR // 2 + 1


def test_the_cut_does_not_depend_on_order_and_always_takes_one():
    draw = random.Random(5)
    for _ in range(200):
        starts = [draw.randrange(50) for _ in range(draw.randrange(1, 40))]
        options = SessionOptions(eval_fraction=draw.choice([0.01, 0.15, 0.5, 0.99]))
        cut = eval_cut(starts, options)
        assert cut == eval_cut(sorted(starts), options)
        held_out = sum(start >= cut for start in starts)
        assert held_out >= max(1, int(len(starts) * options.eval_fraction + 0.5))
        assert sum(start > cut for start in starts) < held_out


def divided(starts, options, tail):
    """Start times by the split that their sessions go to."""
    cuts = cuts_of(starts, options, tail)
    parts = {"train": [], "eval": [], "test": []}
    for start in starts:
        parts[output_split("train", start, cuts)].append(start)
    return parts


def test_test_is_the_last_and_eval_the_end_of_the_rest():
    starts = list(range(1000, 1100))
    random.Random(1).shuffle(starts)
    parts = divided(starts, SessionOptions(eval_fraction=0.25), TailOptions(test_fraction=0.2))
    assert sorted(parts["test"]) == list(range(1080, 1100))
    assert sorted(parts["eval"]) == list(range(1060, 1080))
    assert sorted(parts["train"]) == list(range(1000, 1060))


def test_days_count_back_from_the_latest_start_and_eval_hours_from_what_is_left():
    starts = [day * DAY for day in range(10)] + [9 * DAY + 5]
    parts = divided(starts, SessionOptions(eval_hours=25), TailOptions(test_days=2))
    assert parts["test"] == [8 * DAY, 9 * DAY, 9 * DAY + 5]
    assert parts["eval"] == [6 * DAY, 7 * DAY]


def test_without_a_cut_of_test_nothing_changes():
    draw = random.Random(2)
    for _ in range(100):
        starts = [draw.randrange(60) for _ in range(draw.randrange(1, 40))]
        options = SessionOptions(eval_fraction=draw.choice([0.01, 0.15, 0.6]))
        assert cuts_of(starts, options) == Cuts(eval_cut(starts, options))


def test_no_session_of_a_later_split_starts_before_an_earlier_one_ends():
    draw = random.Random(6)
    for _ in range(500):
        starts = [draw.randrange(60) for _ in range(draw.randrange(1, 50))]
        options = draw.choice(
            [SessionOptions(eval_fraction=0.15), SessionOptions(eval_hours=4 / HOUR)]
        )
        tail = draw.choice(
            [TailOptions(test_fraction=draw.choice([0.01, 0.3, 0.9])), TailOptions(9 / DAY)]
        )
        cuts = cuts_of(starts, options, tail)
        parts = divided(starts, options, tail)
        assert sorted(itertools.chain(*parts.values())) == sorted(starts)
        shuffled = draw.sample(starts, len(starts))
        assert cuts_of(shuffled, options, tail) == cuts
        assert parts["test"] and min(parts["test"]) >= cuts.test  # equal starts on one side
        assert all(cuts.eval <= start < cuts.test for start in parts["eval"])
        assert all(start < min(cuts.eval, cuts.test) for start in parts["train"])
        if tail.test_fraction is not None:
            wanted = max(1, int(len(starts) * tail.test_fraction + 0.5))
            assert sum(start > cuts.test for start in starts) < wanted <= len(parts["test"])


def test_only_train_is_cut():
    cuts = Cuts(5, 8)
    assert [output_split("train", start, cuts) for start in (4, 5, 7, 8)] == [
        "train",
        "eval",
        "eval",
        "test",
    ]
    assert output_split("test", 1, cuts) == "test"
    assert output_split("train", 9, None) == "train"


def test_given_splits_are_not_cut_but_counted():
    found = timeline_of(
        {"train": [3, 1], "eval": [2]}, ["train", "eval"], SessionOptions(), TailOptions(), NOW
    )
    assert found.cuts is None
    assert found.counts["eval.sessions_before_end_of.train"] == 1
    assert timeline_of({"test": [1]}, ["test"], SessionOptions(), TailOptions(), NOW).cuts is None


def test_a_given_eval_without_a_session_is_not_cut_from_train():
    found = timeline_of({"train": [3, 1]}, ["train", "eval"], SessionOptions(), TailOptions(), NOW)
    assert found.cuts is None
    assert "eval.last_start" not in found.counts
    assert found.counts["train.last_start"] == 3


def test_the_timeline_counts_what_is_cut_off_by_equal_starts_alone():
    starts = [1, 2, 3, 7, 7, 7, 7, 9]
    found = timeline_of(
        {"train": starts}, ["train"], SessionOptions(eval_fraction=0.25), TailOptions(), NOW
    )
    assert found.cuts == Cuts(7)
    assert found.counts["train.distinct_starts"] == 5
    assert found.counts["eval.sessions_beyond_fraction"] == 3
    both = timeline_of(
        {"train": starts},
        ["train"],
        SessionOptions(eval_fraction=0.3),
        TailOptions(test_fraction=0.25),
        NOW,
    )
    assert both.cuts == Cuts(3, 7)
    assert both.counts["test.sessions_beyond_fraction"] == 3
    assert both.counts["eval.sessions_beyond_fraction"] == 0


def parts_of(starts):
    histograms = {split: StartHistogram.of(some) for split, some in starts.items()}
    return {split: Part(some, 0, len(some)) for split, some in histograms.items()}


def test_times_that_no_click_log_has_are_counted():
    starts = {
        "train": [0, 5, NOW - DAY, NOW],
        "eval": [NOW - 2, NOW, NOW, NOW + DAY, NOW + DAY + 1],
        "test": [NOW + 1],
    }
    found = time_counts(parts_of(starts), NOW)
    assert (found["train.sessions_before_1990"], found["train.sessions_in_future"]) == (2, 0)
    assert (found["eval.sessions_before_1990"], found["eval.sessions_in_future"]) == (0, 1)
    assert (found["train.first_start"], found["train.last_start"]) == (0, NOW)
    assert found["eval.sessions_before_end_of.train"] == 1
    assert found["test.sessions_before_end_of.train"] == 0
    assert found["test.sessions_before_end_of.eval"] == 1
    assert time_counts(parts_of({"train": []}), NOW) == {}


def slow_cuts(starts, options, tail, period):
    """What `split_cuts` returns, from all times in one list."""
    ordered, test = sorted(starts), None
    if period:
        test = period.test
    elif tail.test_days is not None:
        test = ordered[-1] - int(tail.test_days * DAY) + 1
    elif tail:
        test = ordered[-max(1, int(len(ordered) * tail.test_fraction + 0.5))]
    left = [start for start in ordered if test is None or start < test]
    if not left:
        return Cuts(0, test)
    if options.eval_hours is not None:
        return Cuts(left[-1] - int(options.eval_hours * HOUR) + 1, test)
    return Cuts(left[-max(1, int(len(left) * options.eval_fraction + 0.5))], test)


def slow_counts(starts, cuts):
    """Counts of the sessions of each output split that a list of all times gives."""
    parts = {}
    for source, times in starts.items():
        for time in times:
            parts.setdefault(output_split(source, time, cuts), []).append(time)
    counts = {}
    for split, times in parts.items():
        counts[f"{split}.first_start"], counts[f"{split}.last_start"] = min(times), max(times)
        counts[f"{split}.sessions_in_future"] = sum(time > NOW + DAY for time in times)
        counts[f"{split}.sessions_before_1990"] = sum(time < 631_152_000_000 for time in times)
    for early, late in itertools.combinations(
        [s for s in ("train", "eval", "test") if s in parts], 2
    ):
        before = sum(time < max(parts[early]) for time in parts[late])
        counts[f"{late}.sessions_before_end_of.{early}"] = before
    return counts


def random_starts(draw):
    """Some start times: dense or sparse, with gaps, equal ones, and broken clocks."""
    spread = draw.choice([3, 1_000, HOUR, 5 * HOUR, 3 * DAY, 60 * DAY])
    base = draw.choice([NOW - 30 * DAY, NOW + DAY - HOUR, 631_152_000_000 - HOUR])
    starts = [base + draw.randrange(spread) for _ in range(draw.randrange(1, 60))]
    if draw.random() < 0.3:
        starts += [draw.choice(starts) + draw.randrange(400) * DAY for _ in range(3)]
    if draw.random() < 0.2:
        starts += [draw.randrange(10**13)]
    return starts


def test_a_few_hours_are_enough_to_cut_and_count_exactly():
    draw = random.Random(7)
    looked, known = 0, 0
    for _ in range(3_000):
        train = random_starts(draw)
        starts, inputs = {"train": train}, ["train"]
        options = SessionOptions(
            eval_fraction=draw.choice([0.01, 0.15, 0.5, 0.99]),
            eval_hours=draw.choice([None, None, 0.5, 7, 48]),
        )
        tail, period = TailOptions(), None
        kind = draw.randrange(6)
        if kind == 0:
            tail = TailOptions(test_days=draw.choice([0.01, 1, 7, 40]))
        elif kind == 1:
            tail = TailOptions(test_fraction=draw.choice([0.01, 0.15, 0.9]))
        elif kind == 2:
            test = draw.choice(train) // DAY * DAY
            period = Period(min(train), test, test + DAY)
        elif kind == 3:
            starts["test"], inputs = random_starts(draw), ["train", "test"]
        elif kind == 4:
            starts |= {"eval": random_starts(draw), "test": random_starts(draw)}
            inputs = ["train", "eval", "test"]
        rules = CutRules(options, tail, period)
        blind = {
            split: StartHistogram(StartHistogram.of(some).hours) for split, some in starts.items()
        }
        wanted = hours_to_look_into(blind, inputs, rules, NOW)
        whole = {split: StartHistogram.of(some) for split, some in starts.items()}
        seen = {
            split: StartHistogram(some.hours, {hour: some.times[hour] for hour in wanted[split]})
            for split, some in whole.items()
        }
        found = timeline(seen, inputs, rules, NOW)
        assert found == timeline(whole, inputs, rules, NOW)
        cuts = None if "eval" in inputs else slow_cuts(train, options, tail, period)
        assert found.cuts == cuts
        expected = slow_counts(starts, cuts)
        assert {name: found.counts[name] for name in expected} == expected
        assert all(f"{split}.distinct_starts" in found.counts for split in starts)
        if spread_of(train) > 20 * DAY:
            looked += len(wanted["train"])
            known += len(whole["train"].hours)
    assert looked < 0.35 * known


def spread_of(starts):
    return max(starts) - min(starts)


def test_the_examples_in_docstrings_hold():
    result = doctest.testmod(time_splits)
    assert result.attempted > 0
    assert result.failed == 0
