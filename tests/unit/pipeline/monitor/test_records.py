"""The folders that calls leave."""

from __future__ import annotations

import json

from pipeline.monitor.records import (
    MONITOR,
    RESULT_FILE,
    new_folder,
    newest_by_version,
    read_records,
    write_report,
)


def _record(out, made, *versions, **changes):
    folder = new_folder(out)
    report = {"format": 1, "made": made, "versions": {key: {} for key in versions}, **changes}
    return write_report(report, "<html>", folder).parent


def test_calls_of_one_second_have_folders_of_their_own(tmp_path):
    folders = {new_folder(tmp_path) for _ in range(5)}
    assert len(folders) == 5 and all(folder.parent.name == MONITOR for folder in folders)


def test_the_newest_results_of_each_version_are_found(tmp_path):
    first = _record(tmp_path, "2026-11-30T10:00:00Z", "9", "10")
    second = _record(tmp_path, "2026-12-01T10:00:00Z", "10", "11")
    _record(tmp_path, "2026-11-29T10:00:00Z", "10")
    found = newest_by_version(tmp_path)
    assert {name: record.folder for name, record in found.items()} == {
        **{"9": first, "10": second, "11": second}
    }
    assert list(found) == ["9", "10", "11"]


def test_damaged_results_and_those_of_another_form_are_left_out(tmp_path):
    _record(tmp_path, "2026-11-30T10:00:00Z", "9", format=99)
    _record(tmp_path, "2026-11-30T10:00:00Z", "nine")
    for number, text in enumerate(("", "{", "[]", json.dumps({"made": 1}))):
        (tmp_path / MONITOR / str(number)).mkdir()
        (tmp_path / MONITOR / str(number) / RESULT_FILE).write_text(text)
    new_folder(tmp_path)  # a call that was interrupted
    assert read_records(tmp_path) == []
    assert read_records(tmp_path / "nothing") == []
