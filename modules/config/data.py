"""Options of the input files, and of what is cut from them."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option

DEFAULT_TEST_FRACTION = 0.15


@dataclasses.dataclass(frozen=True)
class DataOptions(Section):
    """Files of the splits; a path or a pattern each, also with `{SPAN}` and `{VERSION}`."""

    train: str | None = option(None, "events that the model learns from")
    eval: str | None = option(
        None, "events that its epochs and settings are chosen on; null cuts them from `train`"
    )
    test: str | None = option(
        None, "events that it is evaluated on; null cuts them from the end of `train`"
    )
    folder: str | None = option(
        None, "where relative names are looked for; null for the working directory"
    )
    generate: bool = option(
        False, "missing files are the bundled sample's, which the runner makes in `folder`"
    )
    test_days: float | None = option(
        None,
        "length of a split test that is cut, in session start time",
        limits=(0, 40_000),
        excluding=(0,),
        unit="days",
    )
    test_fraction: float | None = option(
        None,
        "share of the sessions of `train`, the last by start time, that become split test; "
        f"{DEFAULT_TEST_FRACTION} where neither this nor `test_days` nor `test` is set and split "
        "test is evaluated",
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
    """How much of the end of train becomes split test; nothing where both are None.

    Attributes:
      test_days: as in `DataOptions`.
      test_fraction: likewise.
    """

    test_days: float | None = None
    test_fraction: float | None = None

    def __bool__(self) -> bool:
        """Tells whether anything is cut off."""
        return self.test_days is not None or self.test_fraction is not None

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        return DataOptions(test_days=self.test_days, test_fraction=self.test_fraction).problems()
