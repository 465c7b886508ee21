"""Sessions are found in Examples by their ids, and the other records stay the same bytes."""

from __future__ import annotations

from pathlib import Path

from modules.sessions.examples import ExampleEncoder
from pipeline.forget.sessions import changed_examples, find_forgotten, packed, read_records
from tests import forgettable_out as made


def test_content_orphans_and_the_earliest_session_are_found(tmp_path: Path) -> None:
    made.examples(tmp_path)
    found = find_forgotten(tmp_path, [*made.IDS, b"nobody"])
    assert {visit.session_id: visit.items for visit in found.visits} == {
        session: tuple(made.SESSIONS[session][0]) for session in made.IDS
    }
    assert found.orphans == {made.ORPHAN}
    assert found.kept_since == 1_000
    assert found.ids - found.found() == {b"nobody"}


def test_the_other_records_stay_as_they_are(tmp_path: Path) -> None:
    path = made.examples(tmp_path)
    before = read_records(path)
    (change,) = changed_examples(tmp_path, find_forgotten(tmp_path, made.IDS))
    assert (change.path, change.removed) == (path, 2)
    assert change.content is not None
    path.write_bytes(change.content)
    assert read_records(path) == before[2:]
    assert not list(changed_examples(tmp_path, find_forgotten(tmp_path, made.IDS)))


def test_a_file_of_no_session_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "none").write_bytes(packed([]))
    assert read_records(tmp_path / "none") == []


def test_a_folder_without_examples_has_no_session(tmp_path: Path) -> None:
    found = find_forgotten(tmp_path, made.IDS)
    assert (found.visits, found.kept_since) == ((), None)


def test_a_visitor_is_all_sessions_cut_from_its_events(tmp_path: Path) -> None:
    encode = ExampleEncoder().encode
    path = made.artifact(tmp_path, "SessionExampleGen/examples") / "Split-train" / "data.gz"
    starts = {b"v1@7": 7, b"v1@9": 9, b"v11@7": 7, b"v1@8": 5}
    made.write_records(path, [encode(name, at, [name], [at]) for name, at in starts.items()])
    found = find_forgotten(tmp_path, [b"v1", b"v1@3"])
    assert found.ids == {b"v1", b"v1@3", b"v1@7", b"v1@9"}
    assert found.ids - found.found() == {b"v1@3"}
    (change,) = changed_examples(tmp_path, found)
    assert change.removed == 2
