"""Records with nested values as rows of a click log."""

import json

import pytest

from modules.config.options.sessions import SessionOptions
from modules.row_formats.records import (
    EventReader,
    check_names,
    getter,
    names_in,
    paths_of,
    rows_of_events,
)
from modules.sessions.sessions import SessionDataError

OPTIONS = SessionOptions(
    session_column="user.session", item_column="event.item.id", time_column="at"
)


def rows_of(records, options=OPTIONS):
    reader, rejects, events = EventReader(paths_of(options)), [], []
    for at, record in enumerate(records):
        events += reader.read(100 * at, record, record, rejects)
    return rows_of_events(events, paths_of(options), options, rejects)


def record(session="s", item="i", time=1442004589439):
    return {"user": {"session": session}, "event": {"item": {"id": item}}, "at": time}


def test_dots_lead_to_nested_values_and_a_name_with_dots_comes_first():
    get = getter("a.b")
    assert get({"a": {"b": 1}}) == 1
    assert get({"a.b": 2, "a": {"b": 1}}) == 2
    assert get({"a": {}}) is None
    assert get({"a": None}) is None
    assert get({}) is None
    assert rows_of([{**record(), "event": "x"}]).rejects[0][0] == "type"


def test_values_are_read_as_those_of_text():
    rows = rows_of([record(" s\u00a0", 7, 1442004589.439), record("s", "i", "2015-09-11")])
    assert rows.session_ids == [b"s", b"s"]
    assert rows.item_ids == [b"7", b"i"]
    assert rows.times == [1442004589439, 1441929600000]
    assert rows.offsets == [0, 100]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record(session=None), "empty_id"),
        (record(item=" \u3000"), "empty_id"),
        (record(item=[1]), "type"),
        (record(session=True), "type"),
        (record(time={"$date": 5}), "type"),
        (record(time=None), "time"),
        (record(time=-5), "time"),
        (record(time="07/04/2014"), "time"),
        (record(item="a\0"), "encoding"),
        (record(item="\ud800"), "encoding"),
        (record(item=b"\xff"), "encoding"),
        (record(item="a\nb"), "unusable_id"),
        (record(session="a\nb"), "unusable_id"),
        (record(session="a\rb"), "unusable_id"),
        (record(item="[UNK]"), "unusable_id"),
        (record(item="a__SPACE__b"), "unusable_id"),
    ],
)
def test_a_bad_record_has_reason_and_text_and_leaves_the_others(bad, reason):
    rows = rows_of([record(), bad, record()])
    assert [(why, offset) for why, offset, _ in rows.rejects] == [(reason, 100)]
    assert rows.item_ids == [b"i", b"i"]
    assert json.loads(rows.rejects[0][2].decode("utf-8", "replace")).keys() == bad.keys()


NESTED = SessionOptions(
    layout="nested",
    session_column="id",
    item_column="id",
    time_column="ts",
    event_column="type",
    event_types=("clicks",),
)


def test_a_bad_event_leaves_the_rest_of_its_session():
    good = {"id": 1, "ts": 5, "type": "clicks"}
    events = [good, 7, {**good, "id": None}, {"id": None, "ts": 5, "type": "carts"}, good, None]
    rows = rows_of([{"id": 1, "events": events}, {"id": 2, "events": []}], NESTED)
    assert NESTED.problems() == []  # an id outside the list and one inside it
    assert rows.offsets == [0, 3, 4]
    assert rows.item_ids == [b"1", b"", b"1"]  # an event of another type needs no item
    assert [(why, at) for why, at, _ in rows.rejects] == [
        *(("type", 1), ("empty_id", 2), ("time", 5))
    ]
    assert json.loads(rows.rejects[1][2]) == {
        "id": 1,
        "events.id": None,
        "events.ts": 5,
        "events.type": "clicks",
    }


@pytest.mark.parametrize("session", [{"id": 1}, {"id": 1, "events": None}, {"events": {"id": 1}}])
def test_a_session_without_a_list_is_one_reject(session):
    rows = rows_of([session], NESTED)
    assert [why for why, _, _ in rows.rejects] == ["type"]


def test_an_offset_is_added_to_the_time():
    options = SessionOptions(time_offset_column="ms")
    values = {"SessionId": 1, "ItemId": 2, "Time": "2016-05-09"}
    rows = rows_of([{**values, "ms": ms} for ms in (1500, "12", 1.5, None, -1, 1e300)], options)
    assert rows.times == [1462752000000 + 1500, 1462752000000 + 12, 1462752000000 + 2]
    assert [why for why, _, _ in rows.rejects] == ["time"] * 3


def test_a_missing_column_is_named_with_what_is_there():
    found = [*names_in({"a": {"b": 1, "c": {}}, "d": [{"e": 5}], "SESSIONID": 1})]
    assert found == ["a.b", "a.c", "d.e", "SESSIONID"]
    with pytest.raises(SessionDataError) as caught:
        check_names("x.jsonl", found, ["ItemId"], SessionOptions(), "its first line has")
    assert str(caught.value) == (
        "x.jsonl has no column 'ItemId': its first line has 'a.b', 'a.c', 'd.e', 'SESSIONID'. Set "
        "sessions.item_column; dots lead to a nested value (event.item.id)."
    )
    with pytest.raises(SessionDataError, match="case-sensitive"):
        check_names("x", found, ["SessionId"], SessionOptions(), "it has")
    with pytest.raises(SessionDataError, match=r"A list holds it: .* sessions.layout=nested"):
        check_names("x", found, ["d.e"], SessionOptions(item_column="d.e"), "it has")
    with pytest.raises(SessionDataError, match=r"set sessions\.visitor_column"):
        check_names("x", [], ["SessionId"], SessionOptions(), "it has")
