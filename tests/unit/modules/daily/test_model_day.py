"""The day of a pushed version, in real folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.daily.model_day import FILE, is_earlier, read_day, write_day


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_day(str(tmp_path)) is None  # as in versions that former releases pushed
    write_day(str(tmp_path), "2015-09-11")
    assert read_day(str(tmp_path)) == "2015-09-11"


@pytest.mark.parametrize("text", ["{", "[]", '{"day": null}', '{"day": "monday"}', "{}"])
def test_a_record_of_another_form_says_no_day(tmp_path: Path, text: str) -> None:
    write_day(str(tmp_path), "2015-09-11")
    (tmp_path / FILE).write_text(text)
    assert read_day(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("day", "than", "expected"),
    [
        ("2015-09-30", "2015-10-01", True),
        ("2015-10-01", "2015-10-01", False),
        ("9", "10", True),
        ("9", "2015-10-01", None),
        (None, "9", None),
        ("9", None, None),
    ],
)
def test_days_compare_by_date_or_by_number(
    day: str | None, than: str | None, expected: bool | None
) -> None:
    assert is_earlier(day, than) is expected
