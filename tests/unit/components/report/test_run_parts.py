"""Parts that are made, and reasons for those that are not."""

from __future__ import annotations

from components.report import page
from components.report.run_parts import RunParts


def test_a_part_that_fails_is_named_and_the_others_are_made() -> None:
    run = RunParts({}, {"name": "shop", "model": {"units": 8}, "features": {"odd": 1}}, "digest")
    page.gather(run)
    assert run.parts["config"]["model"] == [("units", "8")]
    assert run.parts["fingerprints"] == [("code", "digest")]
    assert run.missing["verdict"] == "the run has no such artifact"
    run.add("odd", lambda: 1 / 0)
    assert run.missing["odd"] == "it could not be made: ZeroDivisionError: division by zero"
