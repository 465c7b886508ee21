"""The percentiles of request times."""

from __future__ import annotations

import doctest

from modules.serving import latency


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(latency)
    assert result.attempted and not result.failed
