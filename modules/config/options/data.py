"""Options of the input files, and of what is cut from them."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option
from modules.daily.days import day_number, is_date
from modules.files.placeholders import PLACEHOLDER
from modules.messages.quoting import quote

_NOT_WITH_DAILY = ("train", "eval", "test", "test_days", "test_fraction")
DEFAULT_TEST_FRACTION = 0.15


@dataclasses.dataclass(frozen=True)
class DataOptions(Section):
    """Files of the splits; a path or a pattern each, also with `{SPAN}` and `{VERSION}`."""

    train: str | None = option(None, "events to train on")
    eval: str | None = option(None, "events for model selection; null cuts them from `train`")
    test: str | None = option(None, "events to evaluate on; null cuts them from `train`")
    folder: str | None = option(None, "folder of relative names; null for the working directory")
    generate: bool = option(False, "generate the bundled sample's files in `folder` if missing")
    test_days: float | None = option(
        None,
        "days of `train` that become split test",
        limits=(0, 40_000),
        excluding=(0,),
        unit="days",
    )
    test_fraction: float | None = option(
        None,
        "share of the sessions of `train`, the last by start time, that become split test; "
        f"{DEFAULT_TEST_FRACTION} if test is evaluated and none of `test`, `test_days` and this is "
        "set",
        limits=(0, 1),
        excluding=(0, 1),
    )
    daily: str | None = option(
        None,
        "pattern of one day's files, with `{YYYY}`, `{MM}` and `{DD}`, or with `{SPAN}`, in place "
        "of `train`, `eval` and `test`: the days before the evaluated one are trained on",
    )
    window: int = option(
        7, "days (or spans) before the evaluated one to train on", limits=(1, 3650), unit="days"
    )
    date: str | None = option(
        None, "day to evaluate: a date, or the number of a span; null for the newest that is over"
    )

    @property
    def tail(self) -> TailOptions:
        """What is cut from the end of train for split test."""
        return TailOptions(self.test_days, self.test_fraction)

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        problems = super().problems() + self._daily_problems()
        if self.test_days is not None and self.test_fraction is not None:
            problems.append(
                f"test_days ({self.test_days!r}) and test_fraction ({self.test_fraction!r}) are "
                "both set: remove one of them"
            )
        return problems

    def _daily_problems(self) -> list[str]:
        if self.daily is None:
            return [] if self.date is None else ["date needs daily, the pattern of one day's files"]
        problems = []
        names = {found["name"] for found in PLACEHOLDER.finditer(self.daily)} - {"VERSION"}
        if names not in ({"SPAN"}, {"YYYY", "MM", "DD"}):
            problems.append(
                "daily must have {SPAN}, or all of {YYYY}, {MM} and {DD}, where the names of days "
                f"differ, got {quote(self.daily)}"
            )
        splits = [name for name in _NOT_WITH_DAILY if getattr(self, name) is not None]
        if splits:
            problems.append(f"daily and {splits[0]} are both set: remove one of them")
        if self.date is not None:
            try:
                span = day_number(self.date)
            except ValueError as error:
                return [*problems, f"date {error}"]
            if is_date(self.date) != ("YYYY" in names) or span < 0:
                wanted = "a date from 1970 on" if "YYYY" in names else "the number of a span"
                problems.append(f"date must be {wanted} for this daily, got {quote(self.date)}")
        return problems


@dataclasses.dataclass(frozen=True)
class TailOptions:
    """How much of the end of train becomes split test, as in `DataOptions`; nothing by default."""

    test_days: float | None = None
    test_fraction: float | None = None

    def __bool__(self) -> bool:
        """Returns whether anything is cut off."""
        return self.test_days is not None or self.test_fraction is not None

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        return DataOptions(test_days=self.test_days, test_fraction=self.test_fraction).problems()
