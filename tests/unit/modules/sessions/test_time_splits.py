"""Where train is cut by time, and what start times say."""

import doctest
import itertools
import random

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.sessions import time_splits
from modules.sessions.time_splits import (
    Cuts,
    eval_cut,
    output_split,
    split_cuts,
    time_counts,
    timeline,
)

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_442_000_000_000


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


def test_no_start_time_gives_a_cut_all_the_same():
    assert eval_cut([], SessionOptions()) == 0


def divided(starts, options, tail):
    """Start times by the split that their sessions go to."""
    cuts = split_cuts(starts, options, tail)
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
        starts = [draw.randrange(60) for _ in range(draw.randrange(0, 40))]
        options = SessionOptions(eval_fraction=draw.choice([0.01, 0.15, 0.6]))
        assert split_cuts(starts, options, TailOptions()) == Cuts(eval_cut(starts, options))


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
        cuts = split_cuts(starts, options, tail)
        parts = divided(starts, options, tail)
        assert sorted(itertools.chain(*parts.values())) == sorted(starts)
        shuffled = draw.sample(starts, len(starts))
        assert split_cuts(shuffled, options, tail) == cuts
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
    found = timeline(
        {"train": [3, 1], "eval": [2]}, ["train", "eval"], SessionOptions(), TailOptions(), NOW
    )
    assert found.cuts is None
    assert found.counts["eval.sessions_before_end_of.train"] == 1
    assert timeline({"test": [1]}, ["test"], SessionOptions(), TailOptions(), NOW).cuts is None


def test_a_given_eval_without_a_session_is_not_cut_from_train():
    found = timeline({"train": [3, 1]}, ["train", "eval"], SessionOptions(), TailOptions(), NOW)
    assert found.cuts is None
    assert "eval.last_start" not in found.counts
    assert found.counts["train.last_start"] == 3


def test_the_timeline_counts_what_is_cut_off_by_equal_starts_alone():
    starts = [1, 2, 3, 7, 7, 7, 7, 9]
    found = timeline(
        {"train": starts}, ["train"], SessionOptions(eval_fraction=0.25), TailOptions(), NOW
    )
    assert found.cuts == Cuts(7)
    assert found.counts["train.distinct_starts"] == 5
    assert found.counts["eval.sessions_beyond_fraction"] == 3
    both = timeline(
        {"train": starts},
        ["train"],
        SessionOptions(eval_fraction=0.3),
        TailOptions(test_fraction=0.25),
        NOW,
    )
    assert both.cuts == Cuts(3, 7)
    assert both.counts["test.sessions_beyond_fraction"] == 3
    assert both.counts["eval.sessions_beyond_fraction"] == 0


def test_times_that_no_click_log_has_are_counted():
    starts = {
        "train": [0, 5, NOW - DAY, NOW],
        "eval": [NOW - 2, NOW, NOW, NOW + DAY, NOW + DAY + 1],
        "test": [NOW + 1],
    }
    found = time_counts(starts, NOW)
    assert (found["train.sessions_before_1990"], found["train.sessions_in_future"]) == (2, 0)
    assert (found["eval.sessions_before_1990"], found["eval.sessions_in_future"]) == (0, 1)
    assert (found["train.first_start"], found["train.last_start"]) == (0, NOW)
    assert found["eval.sessions_before_end_of.train"] == 1
    assert found["test.sessions_before_end_of.train"] == 0
    assert found["test.sessions_before_end_of.eval"] == 1
    assert time_counts({"train": []}, NOW) == {}


def test_the_examples_in_docstrings_hold():
    result = doctest.testmod(time_splits)
    assert result.attempted > 0
    assert result.failed == 0
