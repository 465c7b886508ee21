"""In which order results of earlier runs count for a run; standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

NO_SPAN = -1
"""Span of a result that was made without a window of days: earlier than all others."""

Result = TypeVar("Result")


def nearest_first(
    results: Iterable[Result],
    span: int | None,
    span_of: Callable[[Result], int],
    number_of: Callable[[Result], int],
) -> list[Result]:
    """Orders results of earlier runs, the one to compare with first.

    A run of a past day, or of one day twice, is not compared with later data or itself.

    Args:
      results: results of earlier runs.
      span: the evaluated span; None for a run without a window of days, for which the newest result
        is the first.
      span_of: returns the evaluated span of a result, `NO_SPAN` for one without a window.
      number_of: returns a number that rises with time.

    Returns:
      The results; of a window only those of earlier days, the latest day first, and of that day the
      newest.
    """
    if span is None:
        return sorted(results, key=number_of, reverse=True)
    earlier = [result for result in results if span_of(result) < span]
    return sorted(earlier, key=lambda result: (span_of(result), number_of(result)), reverse=True)
