"""Checks of the days of a window: is one missing, or far smaller or larger than the others?"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping

from components.data_gate.checks import DataCheck, is_within
from modules.config.options.data_gate import DataGateOptions
from modules.gate.check_record import FAILED, PASSED, WARNING

_NOTABLE_CHANGE = 0.5


def window_checks(days: Mapping[str, int], options: DataGateOptions) -> Iterator[DataCheck]:
    """Yields the checks of a window.

    Args:
      days: bytes of the files of each day, the evaluated one last; empty if there is no window.
      options: limits.
    """
    if not days:
        return
    yield _missing_days(days, options.max_missing_days)
    present = {day: size for day, size in days.items() if size}
    for number, (day, size) in enumerate(present.items()):
        others = [other for place, other in enumerate(present.values()) if place != number]
        if others:
            split = "test" if day == list(days)[-1] else "train"
            yield _size(day, split, size, statistics.median(others), options.max_day_size_change)


def _missing_days(days: Mapping[str, int], limit: int) -> DataCheck:
    missing = [day for day, size in days.items() if not size]
    if missing:
        reason = (
            f"{len(missing)} of {len(days) - 1} days to train on have no file: {', '.join(missing)}"
        )
    else:
        reason = f"all of {len(days) - 1} days to train on have files"
    return DataCheck(
        split="train",
        feature="days",
        name="max_missing_days",
        value=len(missing),
        limit=limit,
        verdict=FAILED if len(missing) > limit else WARNING if missing else PASSED,
        reason=reason,
    )


def _size(day: str, split: str, size: int, median: float, limit: float | None) -> DataCheck:
    change = abs(size - median) / median
    failed = not is_within(change, limit)
    notable = failed or change > _NOTABLE_CHANGE
    reason = (
        f"the files of {day} have {size:,} bytes, the other days' median is {median:,.0f}"
        + ": is the file cut off, or its log late or doubled?" * notable
    )
    return DataCheck(
        split=split,
        feature="days",
        name="max_day_size_change",
        value=change,
        limit=limit,
        verdict=FAILED if failed else WARNING if notable else PASSED,
        reason=reason,
    )
