"""Sessions from events: order, repeats, lengths, sample, cap."""

import random
from collections import Counter

from modules.config.options.sessions import SessionOptions
from modules.sessions.sessions import (
    Session,
    build_sessions,
    finish_session,
    is_sampled,
    order_events,
)


def sessions_of(groups, split="train", **options):
    counts = Counter()
    built = list(build_sessions(groups, split, SessionOptions(**options), counts))
    return built, dict(counts)


def test_events_are_ordered_by_time_then_place_in_the_input():
    events = [(5, 30, b"c"), (5, 20, b"b"), (9, 10, b"d"), (1, 40, b"a")]
    for _ in range(10):
        random.shuffle(events)
        session = order_events(b"s", events, drop_repeats=False)
        assert session == Session(b"s", 1, [b"a", b"b", b"c", b"d"], [1, 5, 5, 9])


def test_of_immediate_repeats_the_first_event_stays():
    events = [(time, time, item) for time, item in enumerate([b"a", b"a", b"b", b"a", b"a", b"a"])]
    session = order_events(b"s", events, drop_repeats=True)
    assert session == Session(b"s", 0, [b"a", b"b", b"a"], [0, 2, 3])


def test_short_sessions_are_left_out_and_counted_after_repeats():
    groups = {
        b"kept": [(1, 1, b"a"), (2, 2, b"b"), (3, 3, b"b")],
        b"one": [(1, 4, b"a")],
        b"same": [(1, 5, b"a"), (2, 6, b"a"), (3, 7, b"a")],
    }
    built, counts = sessions_of(groups, drop_immediate_repeats=True)
    assert [session.session_id for session in built] == [b"kept"]
    assert counts == {
        "train.rows_repeated": 3,
        "train.sessions_too_short": 2,
        "train.rows_too_short": 2,
    }


def test_only_train_is_sampled():
    groups = {b"%d" % number: [(1, 1, b"a"), (2, 2, b"b")] for number in range(2000)}
    built, counts = sessions_of(groups, sample_fraction=0.25)
    assert 400 < len(built) < 600
    assert counts["train.sessions_sampled_out"] == 2000 - len(built)
    assert counts["train.rows_sampled_out"] == 2 * counts["train.sessions_sampled_out"]
    assert len(sessions_of(groups, "test", sample_fraction=0.25)[0]) == 2000


def test_a_larger_sample_contains_the_smaller_one():
    ids = [b"%d" % number for number in range(3000)]
    small = {session_id for session_id in ids if is_sampled(session_id, 0.1)}
    large = {session_id for session_id in ids if is_sampled(session_id, 0.3)}
    assert small < large
    assert all(is_sampled(session_id, 1.0) for session_id in ids)


def test_the_cap_keeps_the_latest_events_of_train_and_the_true_start():
    session = Session(b"s", 1, [b"a", b"b", b"c"], [1, 2, 3])
    options = SessionOptions(max_session_length=2)
    counts = Counter()
    capped = finish_session(session, "train", options, counts)
    assert capped == Session(b"s", 1, [b"b", b"c"], [2, 3])
    assert counts == {
        "train.sessions_with_pause": 0,
        "train.sessions": 1,
        "train.rows_kept": 2,
        "train.sessions_capped": 1,
        "train.rows_capped": 1,
    }
    assert finish_session(session, "eval", options, Counter()) == session


def test_sessions_with_a_pause_are_counted_in_a_log_of_sessions():
    hour = 3_600_000
    for times, paused in (
        ([5], 0),
        ([5, 5 + hour, 5 + 2 * hour], 0),
        ([5, 6, 7 + hour], 1),
        ([5, 6 + hour, 7 + 2 * hour], 1),
    ):
        session = Session(b"s", times[0], [b"i"] * len(times), times)
        for options in (SessionOptions(), SessionOptions(max_session_length=2)):
            counts = Counter()
            finish_session(session, "train", options, counts)
            assert counts["train.sessions_with_pause"] == paused
        counts = Counter()
        finish_session(session, "train", SessionOptions(visitor_column="who"), counts)
        assert "train.sessions_with_pause" not in counts


def test_equal_items_in_a_row_keep_their_largest_weight():
    events = [(4, 0, b"b", 5.0), (1, 1, b"a", 1.0), (2, 2, b"a", 3.0), (3, 3, b"a", 2.0)]
    assert order_events(b"s", events, drop_repeats=True) == Session(
        b"s", 1, [b"a", b"b"], [1, 4], [3.0, 5.0]
    )
    whole = order_events(b"s", events, drop_repeats=False)
    assert whole.weights == [1.0, 3.0, 2.0, 5.0]
    for longest, weighted in ((2, 2), (None, 3)):
        counts = Counter()
        options = SessionOptions(max_session_length=longest)
        kept = finish_session(whole, "train", options, counts)
        assert counts["train.events_weighted"] == weighted
        assert kept == (whole if longest is None else whole.since(2))
    assert whole.since(2) == Session(b"s", 1, [b"a", b"b"], [3, 4], [2.0, 5.0])


def test_rows_add_up_whatever_the_input():
    draw = random.Random(17)
    for _ in range(200):
        groups = {
            b"%d" % number: [
                (draw.randrange(20), place, draw.choice([b"a", b"b", b"c"]))
                for place in range(draw.randrange(1, 9))
            ]
            for number in range(draw.randrange(1, 30))
        }
        options = SessionOptions(
            drop_immediate_repeats=draw.random() < 0.5,
            min_session_length=draw.randrange(1, 4),
            max_session_length=draw.choice([None, 3, 5]),
            sample_fraction=draw.choice([1.0, 0.5]),
        )
        counts = Counter()
        sessions = [
            finish_session(session, "train", options, counts)
            for session in build_sessions(groups, "train", options, counts)
        ]
        assert sum(len(events) for events in groups.values()) == sum(
            counts[f"train.rows_{what}"]
            for what in ("kept", "too_short", "capped", "repeated", "sampled_out")
        )
        assert len(groups) == sum(
            counts[f"train.sessions{what}"] for what in ("", "_too_short", "_sampled_out")
        )
        for session in sessions:
            assert len(session.item_ids) == len(session.event_times)
            assert session.event_times == sorted(session.event_times)
            assert session.start_time == min(groups[session.session_id])[0]
