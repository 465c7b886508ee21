"""Sessions that two input splits share."""

import random

import pytest

from modules.ingest.shared_sessions import count_shared, identities_by_bucket
from modules.sessions.sessions import Session


def session(name, items, times):
    return Session(name, times[0], items, times)


def count(splits, buckets):
    groups = {}
    for split, sessions in splits.items():
        for bucket, identities in identities_by_bucket(split, sessions, buckets):
            groups.setdefault(bucket, []).append(identities)
    counts = {}
    for element in groups.items():
        for name, value in count_shared(element).counts.items():
            counts[name] = counts.get(name, 0) + value
    return counts


def test_ids_and_copies_are_counted_whatever_the_buckets():
    draw = random.Random(4)
    names = [b"s%d" % number for number in range(300)]
    sessions = {
        split: {
            name: session(name, [b"a", b"b"], [5000, draw.choice([6000, 7000])])
            for name in draw.sample(names, 150)
        }
        for split in ("train", "eval", "test")
    }
    expected = {}
    for early, late in (("train", "eval"), ("train", "test"), ("eval", "test")):
        both = sessions[early].keys() & sessions[late].keys()
        copies = sum(sessions[early][name] == sessions[late][name] for name in both)
        expected[f"{late}.sessions_also_in.{early}"] = len(both)
        expected[f"{late}.sessions_copied_from.{early}"] = copies
        assert 0 < copies < len(both)
    for buckets in (1, 7, 64):
        lists = {split: list(part.values()) for split, part in sessions.items()}
        assert count(lists, buckets) == expected


def is_copy(first, second):
    counts = count({"train": [first], "test": [second]}, 1)
    assert counts["test.sessions_also_in.train"] == 1
    return bool(counts["test.sessions_copied_from.train"])


def test_a_copy_has_the_same_events_in_any_order_of_equal_times():
    first = session(b"s", [b"a", b"b", b"c"], [1000, 1000, 2000])
    assert is_copy(first, session(b"s", [b"b", b"a", b"c"], [1000, 1000, 2000]))
    assert not is_copy(first, session(b"s", [b"a", b"c", b"b"], [1000, 1000, 2000]))
    assert not is_copy(first, session(b"s", [b"a", b"b", b"c"], [1000, 1000, 3000]))
    ab, a = session(b"s", [b"ab", b"c"], [1, 2]), session(b"s", [b"a", b"bc"], [1, 2])
    assert not is_copy(ab, a)


@pytest.mark.parametrize(
    "seconds",
    [[1442004589, 1442004589, 1442004590], [1442004589, 1442004590, 1442004591]],
    ids=["cut off", "rounded"],
)
def test_a_copy_in_whole_seconds_is_one(seconds):
    first = session(b"s", [b"b", b"a", b"c"], [1442004589039, 1442004589739, 1442004590501])
    items = [b"a", b"b", b"c"] if seconds[0] == seconds[1] else [b"b", b"a", b"c"]
    whole = session(b"s", items, [second * 1000 for second in seconds])
    assert is_copy(first, whole)
    assert is_copy(whole, first)
    other = session(b"s", items, [second * 1000 + 2000 for second in seconds])
    assert not is_copy(first, other)


def test_different_sessions_share_nothing():
    lists = {"train": [session(b"a", [b"x"], [1])], "test": [session(b"b", [b"x"], [1])]}
    assert set(count(lists, 1).values()) == {0}
