"""Where runs are on the axis of days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from modules.daily.days import day_number
from pipeline.history.columns import Row
from pipeline.history.rows import RUNS_OF_DAYS

_SPREAD = 0.75  # of a day, which its runs share


def positions(rows: Sequence[Row]) -> list[float]:
    """Returns each row's place: the number of its day, later runs of the day a little further on.

    A refresh, or a change of releases, has a date of its own, not a day of data: it is just behind
    the row before it.

    >>> rows = [{"day": "9", "verdict": verdict} for verdict in ("failed", "blessed", "refreshed")]
    >>> positions([*rows, {"day": "10", "verdict": "blessed"}])
    [9.0, 9.375, 9.475, 10.0]
    """
    runs = Counter(row["day"] for row in rows if row["verdict"] in RUNS_OF_DAYS)
    seen: Counter[str] = Counter()
    places: list[float] = []
    for row in rows:
        if row["verdict"] not in RUNS_OF_DAYS and places:
            places.append(places[-1] + 0.1)
            continue
        share = seen[row["day"]] / max(runs[row["day"]], 1)
        places.append(day_number(row["day"]) + share * _SPREAD)
        seen[row["day"]] += 1
    return places


def without_past_days(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows whose day was not run after a later one: what an output folder was when.

    >>> rows = [{"day": day, "verdict": "blessed"} for day in ("9", "10", "8", "10")]
    >>> [row["day"] for row in without_past_days(rows)]
    ['9', '10', '10']
    """
    found, last = [], 0
    for row in rows:
        is_run = row["verdict"] in RUNS_OF_DAYS
        if is_run and day_number(row["day"]) < last:
            continue
        last = day_number(row["day"]) if is_run else last
        found.append(row)
    return found


def in_order_of_days(rows: Sequence[Row]) -> list[tuple[float, Row]]:
    """Returns rows with their places, by place: a past day that was run later is where it was."""
    return sorted(zip(positions(rows), rows, strict=True), key=lambda pair: pair[0])
