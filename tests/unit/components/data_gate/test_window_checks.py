"""Missing days, and days far smaller or larger than the others."""

from components.data_gate.window_checks import window_checks
from modules.config.options.data_gate import DataGateOptions
from modules.gate.check_record import FAILED, PASSED, WARNING

WEEK = {"01": 100, "02": 110, "03": 90, "04": 100}


def _verdicts(days, **options):
    found = window_checks(days, DataGateOptions(**options))
    return [(check.name, check.verdict) for check in found if check.verdict != PASSED]


def test_a_whole_window_passes_and_no_window_has_no_check():
    assert _verdicts(WEEK) == []
    assert list(window_checks({}, DataGateOptions())) == []


def test_a_missing_day_stops_the_run_unless_it_is_allowed_which_warns():
    days = WEEK | {"02": 0}
    assert _verdicts(days) == [("max_missing_days", FAILED)]
    assert _verdicts(days, max_missing_days=1) == [("max_missing_days", WARNING)]
    check = next(iter(window_checks(days, DataGateOptions())))
    assert check.reason == "1 of 3 days to train on have no file: 02"


def test_half_a_day_warns_and_stops_the_run_if_there_is_a_limit():
    days = WEEK | {"04": 40}
    assert _verdicts(days) == [("max_day_size_change", WARNING)]
    assert _verdicts(days, max_day_size_change=0.5) == [("max_day_size_change", FAILED)]
    check = list(window_checks(days, DataGateOptions()))[-1]
    assert check.split == "test"
    assert "the files of 04 have 40 bytes, the other days' median is 100" in check.reason
