"""Clicks are read as for training, and those that count are kept."""

from __future__ import annotations

import gzip

import pytest

from modules.config.options.sessions import SessionOptions
from modules.sessions.sessions import SessionDataError
from pipeline.monitor.clicks import LEAD_MS, NO_SESSION, read_clicks
from tests.request_logs import START, read, request, write_clicks

OPTIONS = SessionOptions()


def _requests(tmp_path):
    return read(tmp_path / "log", [request("s1", 0), request("s2", 100)])


def test_clicks_of_requested_sessions_and_of_the_same_time_are_kept(tmp_path):
    requests = _requests(tmp_path)
    rows = [
        ("s1", "a", -1.0),
        ("s1", "b", 1e6),
        ("s2", "c", -LEAD_MS / 1000 - 1),
        ("other", "d", 50.0),
        ("other", "e", 101.0),
        ("other", "f", -1.0),
    ]
    file = write_clicks(tmp_path / "c.tsv", rows)
    found = read_clicks(str(file), OPTIONS, requests)
    ids = requests.item_ids.ids()
    assert [ids[item] for item in found.item] == [b"a", b"b", b"d"]
    assert [session != NO_SESSION for session in found.session] == [True, True, False]
    assert (found.read, found.sessions, found.newest) == (6, 2, round(1000 * (START + 1e6)))


def test_clocks_are_shifted(tmp_path):
    file = write_clicks(tmp_path / "c.tsv", [("s1", "a", 10.0)])
    found = read_clicks(str(file), OPTIONS, _requests(tmp_path), shift_ms=-4000)
    assert found.time.tolist() == [round(1000 * (START + 6))]


def test_packed_files_of_a_pattern_with_other_columns_are_read(tmp_path):
    for number in range(2):
        with gzip.open(tmp_path / f"clicks [{number}].csv.gz", "wt") as file:
            file.write(f"t,sku,visit\n2015-09-11T19:33:2{number + 1}Z,x{number},s1\n")
    options = SessionOptions(session_column="visit", item_column="sku", time_column="t")
    requests = _requests(tmp_path)
    found = read_clicks(str(tmp_path / "clicks*.csv.gz"), options, requests)
    assert [requests.item_ids.ids()[item] for item in found.item] == [b"x0", b"x1"]
    assert (found.time - 1000 * START).tolist() == [1000, 2000]


def test_bad_rows_are_counted_by_reason(tmp_path):
    file = write_clicks(tmp_path / "c.tsv", [("s1", "a", 1.0), ("", "b", 2.0)])
    with file.open("a") as rows:
        rows.write("s1\tc\tsoon\ns1\td")
    found = read_clicks(str(file), OPTIONS, _requests(tmp_path))
    assert found.rejected == {"empty_id": 1, "time": 1, "field_count": 1}
    assert found.read == 1


def test_a_file_that_is_cut_off_is_named(tmp_path):
    packed = gzip.compress(write_clicks(tmp_path / "c", [("s1", "a", 1.0)] * 999).read_bytes())
    (tmp_path / "c.tsv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SessionDataError, match=r"c\.tsv\.gz is damaged"):
        read_clicks(str(tmp_path / "c.tsv.gz"), OPTIONS, _requests(tmp_path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SessionDataError, match=r"nope\.tsv matches nothing"):
        read_clicks(str(tmp_path / "nope.tsv"), OPTIONS, _requests(tmp_path))


def test_clicks_of_a_raw_log_are_the_events_of_the_kept_types(tmp_path):
    file = tmp_path / "events.csv"
    rows = [(1, "s1", "view", "a"), (2, "s1", "cart", "b"), (3, "s1", "search", "")]
    file.write_text(
        "Time,visitor,event,ItemId\n" + "".join(f"{START + n},{v},{e},{i}\n" for n, v, e, i in rows)
    )
    options = SessionOptions(visitor_column="visitor", event_column="event", event_types=("view",))
    requests = _requests(tmp_path)
    found = read_clicks(str(file), options, requests)
    assert [requests.item_ids.ids()[item] for item in found.item] == [b"a"]
    assert (found.read, found.sessions, dict(found.rejected)) == (1, 1, {})
