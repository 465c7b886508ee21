"""What the page shows of ServingValidator's report."""

from __future__ import annotations

from components.report import page


def test_every_check_is_a_row() -> None:
    slow = {"name": "p50", "verdict": "failed", "reason": "31 ms, at most 25"}
    text = page.render({"serving_checks": {"checks": [slow, {**slow, "name": "p99"}]}}, {})
    assert '<th scope="row">p50</th>' in text and '<th scope="row">p99</th>' in text
    assert text.count('<td class="left wide">31 ms, at most 25</td>') == 2


def test_a_run_without_the_check_says_so() -> None:
    text = page.render({}, {"serving_checks": "the run has no such artifact"})
    assert "No checks of the exported model: the run has no such artifact." in text
