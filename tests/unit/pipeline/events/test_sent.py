"""Alarms that were sent, in real folders."""

import pytest

from pipeline.events.sent import FILE, remember, was_sent


def test_an_alarm_of_a_day_was_sent_until_there_is_one_of_another_day(tmp_path):
    assert not was_sent(tmp_path, "late", "2015-09-11")
    remember(tmp_path, "late", "2015-09-11")
    assert was_sent(tmp_path, "late", "2015-09-11")
    assert not was_sent(tmp_path, "stale", "2015-09-11")
    remember(tmp_path, "late", "2015-09-12")
    assert not was_sent(tmp_path, "late", "2015-09-11")


@pytest.mark.parametrize("text", ["{", "[]", "3", "null", '"late"'])
def test_a_damaged_record_means_that_nothing_was_sent(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    assert not was_sent(tmp_path, "late", "2015-09-11")
    remember(tmp_path, "late", "2015-09-11")
    assert was_sent(tmp_path, "late", "2015-09-11")


def test_an_unknown_day_and_a_missing_folder_are_no_error(tmp_path):
    remember(tmp_path / "missing", "late", "2015-09-11")
    assert not was_sent(tmp_path / "missing", "late", "2015-09-11")
    remember(tmp_path, "late", None)
    assert not was_sent(tmp_path, "late", None)
