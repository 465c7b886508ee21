"""The list of what is left out: read once, refused if it cannot be, never sent along."""

import doctest
import gzip
import pickle

import pytest

from modules.config.options.sessions import SessionOptions
from modules.ingest import beam_sessions, forgotten, input_files, packing
from modules.ingest.forgotten import REMOVED, ForgottenIds, forgotten_digest
from modules.ingest.report import Report
from modules.sessions.sessions import SessionDataError
from tests.click_files import HEADER, find


def written(tmp_path, content):
    path = tmp_path / "forget.txt"
    path.write_bytes(content)
    return str(path)


def test_the_examples_hold():
    assert doctest.testmod(forgotten).failed == 0


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b"", set()),
        (b"\r\n \n", set()),
        (b"\xef\xbb\xbfv1\r\n v 2\xc2\xa0\nv1@1500", {b"v1", b"v 2", b"v1@1500"}),
        (gzip.compress(b"v1\n", mtime=0), {b"v1"}),
        # Whether quotes belong to an id depends on the log: both are left out.
        (b'"v1"\n"v2"\n', {b"v1", b"v2", b'"v1"', b'"v2"'}),
    ],
)
def test_a_list_has_an_id_a_line(tmp_path, content, ids):
    assert ForgottenIds(written(tmp_path, content)).read() == ids
    assert ForgottenIds().read() == frozenset()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\3\4", "ZIP archive"),
        (b"v\xff1\n", "is not UTF-8"),
        (gzip.compress(b"v1\n" * 99, mtime=0)[:-9], "ends before its"),
    ],
)
def test_a_list_of_another_form_is_refused(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(SessionDataError, match=rf"^sessions\.forget_file: .*{message}.*one per"):
        ForgottenIds(path)


@pytest.mark.parametrize("name", ["none.txt", "", "nowhere://b/list"])
def test_a_missing_list_stops_the_run(tmp_path, name):
    path = name if "://" in name else str(tmp_path / name)
    with pytest.raises(SessionDataError, match=r"forget_file: .* cannot be read: .* may be empty"):
        forgotten_digest(path)


def test_a_list_that_changes_during_the_run_stops_it(tmp_path):
    ids = ForgottenIds(written(tmp_path, b"v1\n"))
    written(tmp_path, b"v2\n")
    with pytest.raises(SessionDataError, match=r"was changed during the run: run again"):
        ids.read()


def test_the_ids_are_shared_in_a_process_and_not_sent_with_functions(tmp_path):
    ids = ForgottenIds(written(tmp_path, b"".join(b"visitor-%d\n" % n for n in range(50_000))))
    reader = beam_sessions.ReadEvents(SessionOptions(), {"train": 1}, ids)
    held = ids.read()
    sent = pickle.dumps((reader, ids))
    assert len(held) == 50_000
    assert len(sent) < 3_000
    assert pickle.loads(sent)[1].read() is held


def test_rows_are_counted_and_bad_ones_lose_their_text(tmp_path):
    path = written(tmp_path, b"s1\n")
    text = b's1\ti1\t5\ns2\ti2\t6\ns1\ti3\n"s1"\ti4\tsoon\ns2\ti5\ns1\ti6\t7\n'
    (tmp_path / "a.tsv").write_bytes(HEADER + text)
    (piece,) = input_files.pieces(find(tmp_path, {"test": "a.tsv"}))
    reader = beam_sessions.ReadEvents(SessionOptions(), {"test": 1}, ForgottenIds(path))
    found = list(reader.process(tuple(piece)))
    rejects = [
        reject.text for one in found if getattr(one, "tag", "") == "rejects" for reject in one.value
    ]
    assert rejects == [REMOVED, REMOVED, "s2\ti5"]
    (report,) = (one.value for one in found if getattr(one, "tag", "") == "report")
    assert report.counts == {
        **{"test.rows_read": 6, "test.rows_forgotten": 2},
        **{"test.rows_rejected.field_count": 2, "test.rows_rejected.quotes": 1},
    }
    assert "s1" not in report.to_json()
    assert isinstance(report, Report)
    ((_, events),) = (one for one in found if isinstance(one, tuple))
    assert list(packing.group_events([events])) == [b"s2"]
