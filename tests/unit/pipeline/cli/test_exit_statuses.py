"""Exit statuses are told in the documents."""

import pytest

from pipeline.cli.exit_statuses import MEANINGS, ExitStatus
from pipeline.paths import PROJECT


@pytest.mark.parametrize("status", list(ExitStatus))
def test_every_status_is_documented_as_it_is_declared(status):
    text = (PROJECT / "docs" / "operations.md").read_text("utf-8")
    assert f"| {status.value} | {MEANINGS[status]} |\n" in text
