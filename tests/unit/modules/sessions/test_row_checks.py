"""The checks of rows, which every format shares."""

import functools

import pytest

from modules.sessions.event_times import time_to_ms
from modules.sessions.row_checks import Checks, Places, Rows, collect_rows, id_check, id_cleaner

TEXT = b"any text"


def collect(rows, places=Places(0, 1, 2), kept_types=None, **options):  # noqa: B008 (frozen)
    found = Rows([], [], [], [], [], [])
    to_ms = functools.partial(time_to_ms, unit="milliseconds")
    text = b"\r[UNK]\xc2\xa0"
    checks = Checks(places, to_ms, kept_types, id_cleaner(text), id_check(text))
    split = [(at, f"row {at}".encode(), fields) for at, fields in enumerate(rows)]
    collect_rows(split, found, checks, **options)
    return found


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ((b" ", b"i", b"5"), "empty_id"),
        ((b"s", b"\xc2\xa0", b"5"), "empty_id"),
        ((b"s", b"[UNK]", b"5"), "unusable_id"),
        ((b"s\rs", b"i", b"5"), "unusable_id"),
        ((b"s", b"i", b"soon"), "time"),
        ((b"", b"[UNK]", b"soon"), "empty_id"),
    ],
)
def test_a_bad_row_has_the_first_reason(fields, reason):
    rows = collect([(b"s", b"i", b"5"), fields])
    assert rows.rejects == [(reason, 1, b"row 1")]
    assert rows.times == [5]


def test_what_is_no_row_is_left_out_unless_its_id_is_unusable():
    rows = collect(
        [(b"", b"i", b"5"), (b"s", b"[UNK]", b"5"), (b"s", b"i", b"")],
        is_no_row=lambda fields, source, offset: True,
    )
    assert [why for why, _, _ in rows.rejects] == ["unusable_id"]


def test_an_offset_is_added_and_must_be_a_number():
    places = Places(0, 1, 2, None, 3)
    added = (b"7", b"\xc2\xa07.4", b"", b"-1", b"9" * 15)
    rows = collect([(b"s", b"i", b"5", each) for each in added], places)
    assert rows.times == [12, 12]
    assert [at for _, at, _ in rows.rejects] == [2, 3, 4]


def test_events_of_types_that_are_not_kept_need_no_item():
    events = [(b"s", b"", b"5", kind) for kind in (b"view", b" search ")]
    rows = collect(events, Places(0, 1, 2, 3), {b"view"})
    assert (rows.types, [why for why, _, _ in rows.rejects]) == ([b"search"], ["empty_id"])


def test_rows_are_joined_and_filtered():
    rows = collect([(b"s", b"i", b"5", b"a")], Places(0, 1, 2, 3))
    rows.extend(collect([(b"t", b"j", b"6", b"b"), (b"", b"", b"", b"")], Places(0, 1, 2, 3)))
    assert (rows.session_ids, rows.types, len(rows.rejects)) == ([b"s", b"t"], [b"a", b"b"], 1)
    assert rows.of_types({b"b"}).item_ids == [b"j"]
    assert rows.of_types(None) is rows
