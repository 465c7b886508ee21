"""What the page shows of the data gate's report."""

from __future__ import annotations

import pytest

from components.report import page

PASSED = {
    "name": "min_sessions",
    "split": "train",
    "feature": "-",
    "verdict": "passed",
    "reason": "9 sessions, at least 1 wanted",
}


@pytest.mark.parametrize(("number", "words"), [(0, "0 anomalies"), (1, "1 anomaly")])
def test_anomalies_are_counted_among_the_checks(number: int, words: str) -> None:
    checks = [PASSED, *[{**PASSED, "name": "stop_severities", "verdict": "failed"}] * number]
    found = {"compared_with": None, "checks": checks}
    text = page.render({"data_checks": found}, {})
    assert f"<p>{words} in the data;\nno earlier data to compare with.</p>" in text
    assert text.count("9 sessions, at least 1 wanted") == len(checks)


def test_what_the_data_were_compared_with_is_named() -> None:
    found = {"compared_with": 7, "checks": [PASSED]}
    assert "compared with the last accepted data." in page.render({"data_checks": found}, {})
