"""Options of the input files, and of what is cut from them."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option

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

    @property
    def tail(self) -> TailOptions:
        """What is cut from the end of train for split test."""
        return TailOptions(self.test_days, self.test_fraction)

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        problems = super().problems()
        if self.test_days is not None and self.test_fraction is not None:
            problems.append(
                f"test_days ({self.test_days!r}) and test_fraction ({self.test_fraction!r}) are "
                "both set: remove one of them"
            )
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
