"""The driver: windows of days, and fingerprints; spans and versions are in test_spans.py."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from tfx.proto import example_gen_pb2
from tfx.utils.proto_utils import proto_to_json

from components.session_example_gen.driver import SessionFilesDriver
from components.session_example_gen.settings import Settings, pack, read_settings
from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.files.fingerprint import files_fingerprint
from modules.sessions.event_times import MS_PER_DAY
from modules.sessions.sessions import SessionDataError
from modules.sessions.time_splits import Period
from tests.click_files import input_config

PATTERN = "clicks-{YYYY}-{MM}-{DD}.tsv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for day in ("04", "05", "07"):
        (tmp_path / f"clicks-1970-01-{day}.tsv").write_text("x")
    return tmp_path


def _resolve(
    folder: Path,
    pattern: str,
    window: int = 0,
    span: int | None = None,
    options: SessionOptions = SessionOptions(),  # noqa: B008 (frozen)
) -> Any:
    settings = Settings(options, TailOptions(), window=window)
    static = {"start_span_number": span, "end_span_number": span}
    properties = {
        "input_base": str(folder),
        "input_config": json_format.MessageToJson(input_config(train=pattern)),
        "custom_config": proto_to_json(pack(settings, "")),
        "range_config": None if span is None else json.dumps({"static_range": static}),
    }
    return SessionFilesDriver(None).resolve_exec_properties(properties, None, None)


def _splits(resolved: Any) -> list[tuple[str, str]]:
    config = json_format.Parse(resolved["input_config"], example_gen_pb2.Input())
    return [(split.name, split.pattern) for split in config.splits]


def test_a_window_trains_on_the_days_before_and_evaluates_on_the_last(folder: Path) -> None:
    resolved = _resolve(folder, PATTERN, window=3)
    assert _splits(resolved) == [
        ("train", "clicks-1970-01-04.tsv"),
        ("train", "clicks-1970-01-05.tsv"),
        ("test", "clicks-1970-01-07.tsv"),
    ]
    assert (resolved["span"], resolved["version"]) == (6, None)
    days = dict(read_settings(resolved).days)
    assert list(days) == [f"1970-01-0{day}" for day in (4, 5, 6, 7)]
    assert days["1970-01-06"] == ""  # it has no file
    earlier = _resolve(folder, PATTERN, window=3, span=4)
    assert _splits(earlier) == [_splits(resolved)[0], ("test", "clicks-1970-01-05.tsv")]


def test_a_window_of_visitors_is_cut_into_sessions_with_the_days_around_it(folder: Path) -> None:
    for day in ("06", "08", "09"):
        (folder / f"clicks-1970-01-{day}.tsv").write_text("x")
    for window, span, days in ((1, 5, (5, 6, 4, 7)), (2, 5, (4, 5, 6, 7)), (1, 8, (8, 9, 7))):
        resolved = _resolve(folder, PATTERN, window, span, SessionOptions(visitor_column="visitor"))
        assert _splits(resolved) == [("train", f"clicks-1970-01-0{day}.tsv") for day in days]
        settings = read_settings(resolved)
        assert [int(day[-1]) for day in settings.days] == list(days[: window + 1])
        test = span * MS_PER_DAY
        assert settings.period == Period(test - window * MS_PER_DAY, test, test + MS_PER_DAY)
    assert read_settings(_resolve(folder, PATTERN, window=3)).period is None


def test_the_fingerprint_is_of_the_files_that_are_read(folder: Path) -> None:
    resolved = _resolve(folder, PATTERN)
    splits = [("train", f"{folder}/clicks-1970-01-07.tsv")]
    assert resolved["input_fingerprint"] == f"files:{files_fingerprint(splits)}"
    assert _resolve(folder, PATTERN, 2)["input_fingerprint"] != resolved["input_fingerprint"]


def test_the_fingerprint_is_also_of_the_ids_that_are_left_out(folder: Path) -> None:
    listed = folder / "forget.txt"
    found = set()
    for content in ("", "v1\n", "v2\n"):
        listed.write_text(content)
        os.utime(listed, (0, 0))
        options = SessionOptions(forget_file=str(listed))
        resolved = _resolve(folder, PATTERN, options=options)
        assert resolved == _resolve(folder, PATTERN, options=options)
        found.add(resolved["input_fingerprint"])
    assert len(found) == 3
    assert not any("v1" in each for each in found)
    listed.unlink()
    with pytest.raises(SessionDataError, match=r"^sessions\.forget_file: .*cannot be read"):
        _resolve(folder, PATTERN, options=options)


def test_files_that_cannot_be_used_are_an_error_of_the_data(folder: Path) -> None:
    with pytest.raises(SessionDataError, match=r"match no set of files: .*none-"):
        _resolve(folder, "none-{SPAN}.tsv")
    (folder / "link.tsv").symlink_to("gone")
    with pytest.raises(SessionDataError, match=r"Split 'train': .*link\.tsv is a link to gone"):
        _resolve(folder, "l*.tsv")
