"""Sessions from visitors' events, compared with a plain reference on random logs."""

import random
from collections import Counter

import pytest

from modules.config.options.sessions import SessionOptions
from modules.ingest import packing
from modules.sessions.click_header import Columns
from modules.sessions.click_log import parse_rows
from modules.sessions.sessions import Session
from modules.sessions.visitor_sessions import build_visitor_sessions, cut_sessions, type_code

NOON = 1_442_059_200_000  # 2015-09-12 12:00 UTC
MINUTE, DAY = 60_000, 86_400_000
COLUMNS = Columns(",", 4, 1, 3, 0, "csv", (b"visitorid", b"itemid", b"timestamp", b"event"), 2)
BASIC = {"visitor_column": "visitorid", "event_column": "event", "gap_minutes": 1}


def read(shards, options, counts):
    """What the Beam graph does of files, without Beam."""
    types = options.event_types
    kept = None if types is None else frozenset(each.encode() for each in types)
    batches = []
    for shard in shards:
        text = b"".join(b"%d,%s,%s,%s\n" % row for row in shard)
        rows = parse_rows(text, 0, COLUMNS, "milliseconds", kept)
        codes = [type_code(each) for each in rows.types]
        assert len(rows.times) + len(rows.rejects) == len(shard)
        counts["rejected"] += len(rows.rejects)
        if codes:
            batches.append(packing.pack_events((*rows[:3], codes)))
    visitors = packing.group_visitors(batches, "train", options.max_visitor_events, counts)
    return build_visitor_sessions(visitors, "train", options, NOON, counts)


def sessions_of(rows, **options):
    counts = Counter()
    built = sorted(read([rows], SessionOptions(**BASIC | options), counts))
    del counts["rejected"]
    return built, dict(counts)


def reference(rows, options):
    """Sessions of (time, visitor, type, item) rows, as plainly as can be."""
    types = options.event_types
    result = []
    for visitor in {row[1] for row in rows}:
        # A row of a kept type without an item is a bad row.
        events = [
            (time, item, kind)
            for time, who, kind, item in rows
            if who == visitor and (item or (types and kind.decode() not in types))
        ]
        if len(events) > options.max_visitor_events:
            continue
        if options.drop_doubled_rows:
            events = list(dict.fromkeys(events))
        if options.drop_clock_outliers:
            events = [e for e in events if 631_152_000_000 <= e[0] <= NOON + DAY]
        if options.max_events_per_day is not None:
            days = [event[0] // DAY for event in events]
            if any(days.count(day) > options.max_events_per_day for day in days):
                continue
        if options.max_events_per_minute is not None:
            seconds = [[t for t, *_ in events if at <= t < at + 60_000] for at, *_ in events]
            if any(len(within) > options.max_events_per_minute for within in seconds):
                continue
        events.sort(key=lambda event: (event[0], event[1], type_code(event[2])))
        wholes = []
        for event in events:
            if wholes and event[0] - wholes[-1][-1][0] <= options.gap_minutes * MINUTE:
                wholes[-1].append(event)
            else:
                wholes.append([event])
        for whole in wholes:
            start = whole[0][0]
            kept = [e for e in whole if types is None or e[2].decode() in types]
            weights = [options.event_weights.get(e[2].decode(), 1.0) for e in kept]
            if options.drop_immediate_repeats:
                for n in reversed(range(1, len(kept))):
                    if kept[n - 1][1] == kept[n][1]:
                        weights[n - 1] = max(weights[n - 1 : n + 1])
                        del kept[n], weights[n]
            if len(kept) >= options.min_session_length:
                items, times = [e[1] for e in kept], [e[0] for e in kept]
                weighted = [weights] if options.event_weights else []
                result.append(Session(b"%s@%d" % (visitor, start), start, items, times, *weighted))
    return sorted(result)


def random_log(draw):
    rows = []
    for visitor in range(draw.randrange(1, 5)):
        time = NOON - draw.randrange(3 * DAY)
        for _ in range(draw.choice([1, 2, 5, 9, 20])):
            time += draw.choice([0, 0, 1, 999, MINUTE - 1, MINUTE, MINUTE + 1, DAY // 3])
            kind = draw.choice([b"view", b"view", b"view", b"cart", b"search"])
            item = b"" if kind == b"search" else b"i%d" % draw.randrange(4)
            row = (time, b"v%d" % visitor, kind, item)
            rows += [row] * draw.choice([1, 1, 1, 1, 2, 3])
        if draw.random() < 0.2:
            at = draw.choice([0, 3600, 631_151_999_999, 631_152_000_000, NOON + DAY + 1])
            rows.append((at, b"v%d" % visitor, b"view", b"i0"))
    return rows


def test_equals_a_plain_reference_on_random_logs_in_any_order_and_shards():
    draw = random.Random(19)
    dropped = Counter()
    for _ in range(1000):
        rows = random_log(draw)
        options = SessionOptions(
            **BASIC,
            event_types=draw.choice([None, ("view",), ("view", "cart"), ("cart",)]),
            event_weights=draw.choice([{}, {}, {"cart": 3.0, "view": 0.5}]),
            drop_doubled_rows=draw.random() < 0.7,
            drop_clock_outliers=draw.random() < 0.7,
            max_events_per_day=draw.choice([None, None, 6]),
            max_events_per_minute=draw.choice([None, None, 1, 3]),
            max_visitor_events=draw.choice([1000, 1000, 15]),
            drop_immediate_repeats=draw.random() < 0.5,
            min_session_length=draw.choice([1, 2]),
        )
        expected = reference(rows, options)
        for _ in range(2):
            draw.shuffle(rows)
            cuts = sorted(draw.randrange(len(rows) + 1) for _ in range(3))
            shards = [
                rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True) if b > a
            ]
            counts = Counter()
            found = sorted(read(shards, options, counts))
            assert found == expected
            kept = sum(len(session.item_ids) for session in found)
            lost = {n: c for n, c in counts.items() if ".rows_" in n or n == "rejected"}
            assert kept + sum(lost.values()) == len(rows)
            dropped.update(lost)
    assert set(dropped) == {
        "rejected",
        *("train.rows_of_large_visitors", "train.rows_doubled", "train.rows_of_clock_outliers"),
        *("train.rows_of_bots", "train.rows_of_other_types", "train.rows_repeated"),
        *("train.rows_too_short", "train.rows_of_bots_by_minute"),
    }
    assert min(dropped.values()) > 100


@pytest.mark.parametrize(("pause", "sessions"), [(MINUTE, 1), (MINUTE + 1, 2)])
def test_exactly_the_gap_is_one_session_and_a_millisecond_more_two(pause, sessions):
    rows = [(NOON + n * pause, b"v", b"view", b"i") for n in range(2)]
    built, _ = sessions_of(rows, min_session_length=1)
    assert len(built) == sessions


def test_a_cart_between_two_views_holds_their_session_together_and_begins_it():
    kinds = [b"cart", b"view", b"cart", b"view"]
    rows = [(NOON + n * MINUTE, b"v", kind, b"i%d" % n) for n, kind in enumerate(kinds)]
    built, counts = sessions_of(rows, event_types=["view"])
    times = [NOON + MINUTE, NOON + 3 * MINUTE]
    assert built == [Session(b"v@%d" % NOON, NOON, [b"i1", b"i3"], times)]
    assert counts == {"train.rows_of_other_types": 2}


def test_a_session_goes_on_after_midnight():
    night = NOON + DAY // 2
    rows = [(night - 1, b"v", b"view", b"a"), (night + 1, b"v", b"view", b"b")]
    built, _ = sessions_of(rows)
    assert [session.start_time for session in built] == [night - 1]


def test_ids_differ_for_visitors_whose_names_look_like_ids():
    rows = [
        (time, visitor, b"view", item)
        for visitor, time in ((b"v", NOON), (b"v@1", NOON), (b"v", NOON - DAY))
        for item in (b"a", b"b")
    ]
    built, _ = sessions_of(rows)
    assert len({session.session_id for session in built}) == 3


def test_a_visitor_beyond_the_limit_is_dropped_whole_and_counted():
    rows = [(NOON + n, b"shop-monitor", b"view", b"i%d" % n) for n in range(11)]
    rows += [(NOON + n, b"v", b"view", b"i%d" % n) for n in range(10)]
    built, counts = sessions_of(rows, max_visitor_events=10)
    assert [session.session_id for session in built] == [b"v@%d" % NOON]
    assert counts == {"train.large_visitors": 1, "train.rows_of_large_visitors": 11}


def test_bots_are_visitors_with_too_many_events_on_one_day():
    rows = [(NOON + n * DAY // 2, b"slow", b"view", b"i%d" % n) for n in range(-5, 0)]
    rows += [(NOON + n, b"bot", b"view", b"i%d" % n) for n in range(-5, 0)]
    built, counts = sessions_of(rows, max_events_per_day=4, min_session_length=1)
    assert {session.session_id.split(b"@")[0] for session in built} == {b"slow"}
    assert counts == {"train.bots": 1, "train.rows_of_bots": 5}


@pytest.mark.parametrize(("last", "is_bot"), [(59_999, True), (60_000, False)])
def test_the_minute_of_a_bot_begins_anywhere_and_ends_before_60_seconds(last, is_bot):
    times = [NOON + 30_001 + at for at in (0, 0, 7, last)]
    rows = [(at, b"v", b"view", b"i%d" % n) for n, at in enumerate(times)]
    built, counts = sessions_of(rows, max_events_per_minute=3)
    assert len(built) == (not is_bot)
    expected = {"train.bots_by_minute": 1, "train.rows_of_bots_by_minute": 4} if is_bot else {}
    assert counts == expected


def test_a_bot_by_both_limits_counts_as_one_by_the_day():
    rows = [(NOON + n, b"v", b"view", b"i%d" % n) for n in range(5)]
    _, counts = sessions_of(rows, max_events_per_minute=2, max_events_per_day=4)
    assert counts == {"train.bots": 1, "train.rows_of_bots": 5}


def test_doubled_rows_make_no_bot():
    rows = [(NOON + n // 3, b"v", b"view", b"i%d" % (n // 3)) for n in range(9)]
    built, counts = sessions_of(rows, max_events_per_minute=3)
    assert len(built) == 1
    assert counts == {"train.rows_doubled": 6}


def test_nothing_is_cut_of_nothing():
    assert list(cut_sessions([], 5)) == []


def test_listed_sessions_are_left_out_with_all_their_rows():
    kinds = [b"cart", b"view", b"view"]
    rows = [(NOON + n, b"v", kind, b"i%d" % n) for n, kind in enumerate(kinds)]
    rows += [(time + DAY // 2, *rest) for time, *rest in rows]
    counts = Counter()
    events = [(time, item, type_code(kind)) for time, _, kind, item in rows]
    options = SessionOptions(**BASIC, event_types=("view",))
    ids = {b"v@%d" % NOON, b"v@5", b"v"}
    built = build_visitor_sessions({b"v": events}, "train", options, NOON, counts, forgotten=ids)
    assert [session.session_id for session in built] == [b"v@%d" % (NOON + DAY // 2)]
    assert counts == {"train.rows_forgotten": 3, "train.rows_of_other_types": 1}
