"""What a verdict keeps of each evaluated day, so that later verdicts can take days together.

The differences of two models on one day are a mean over steps with the variance of its bootstrap;
days are independent, since a session belongs to one day alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DAYS = "days"
"""Key of the records in `verdict.json`."""

Key = tuple[str, str, str | None]


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """The difference of the candidate and another model on one day.

    Attributes:
      kind: `change` (to the last blessed model) or `baseline`.
      metric: full name of the metric.
      against: name of the baseline, None for the last blessed model.
      difference: mean over steps.
      variance: variance of `difference`, by the bootstrap over sessions.
      n: number of steps.
    """

    kind: str
    metric: str
    against: str | None
    difference: float
    variance: float
    n: int

    @property
    def key(self) -> Key:
        """What was compared, which is the same on all days."""
        return self.kind, self.metric, self.against


@dataclasses.dataclass(frozen=True)
class DayRecord:
    """An evaluated day.

    Attributes:
      first_start: start of its first session, ms.
      last_start: start of its last session, ms.
      blessed: whether the candidate of the day was blessed.
      differences: all comparisons, by what was compared.
      span: the day in a window of days; None without one.
      against: span of the last blessed model; None where it is unknown.
    """

    first_start: int
    last_start: int
    blessed: bool
    differences: Mapping[Key, PairedDifference]
    span: int | None = None
    against: int | None = None

    def is_before(self, other: DayRecord) -> bool:
        """Returns whether this day is before another one.

        Spans say so where both are known: a day's file may have sessions of the day before.
        """
        if self.span is not None and other.span is not None:
            return self.span < other.span
        return self.last_start < other.first_start

    def overlaps(self, other: DayRecord) -> bool:
        """Returns whether both are of the same day, or of the same sessions at least in part."""
        return not self.is_before(other) and not other.is_before(self)

    def as_json(self) -> dict[str, Any]:
        """Returns the record as plain values for JSON."""
        return {
            "first_start": self.first_start,
            "last_start": self.last_start,
            "blessed": self.blessed,
            "span": self.span,
            "against": self.against,
            "differences": [dataclasses.asdict(found) for found in self.differences.values()],
        }


def by_key(differences: Iterable[PairedDifference]) -> dict[Key, PairedDifference]:
    """Returns comparisons by what was compared."""
    return {found.key: found for found in differences}


def read_days(verdict: Mapping[str, Any]) -> list[DayRecord]:
    """Returns the days in the content of a `verdict.json`, none in one of a former version.

    Raises:
      ValueError: they have another form.
    """
    try:
        return [
            DayRecord(
                int(day["first_start"]),
                int(day["last_start"]),
                bool(day["blessed"]),
                by_key(PairedDifference(**found) for found in day["differences"]),
                day.get("span"),
                day.get("against"),
            )
            for day in verdict.get(DAYS, [])
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its days have an unexpected form: {error!r}") from error


def days_before(days: Iterable[DayRecord], today: DayRecord, most: int) -> list[DayRecord]:
    """Returns the last days before one, at most so many, in order; a past day has no later ones."""
    earlier = _in_order(day for day in days if day.is_before(today))
    return earlier[-most:] if most else []


def with_day(days: Sequence[DayRecord], today: DayRecord, most: int) -> list[DayRecord]:
    """Returns the last days with one more, which replaces itself if it was evaluated before.

    What is not compared this time, such as a model with itself, stays as it was.
    """
    own = [day for day in days if day.overlaps(today)]
    differences = {key: found for day in own for key, found in day.differences.items()}
    whole = dataclasses.replace(today, differences={**differences, **today.differences})
    others = [day for day in days if not day.overlaps(today)]
    return _in_order([*others, whole])[-most:]


def _in_order(days: Iterable[DayRecord]) -> list[DayRecord]:
    found = list(days)
    spans = [day.span for day in found if day.span is not None]
    if len(spans) == len(found):
        return [day for _, day in sorted(zip(spans, found, strict=True), key=lambda pair: pair[0])]
    return sorted(found, key=lambda day: day.first_start)
