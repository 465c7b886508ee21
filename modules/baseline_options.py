"""Typed options of the baselines; neither TensorFlow nor Beam here."""

from __future__ import annotations

import dataclasses

from modules.configuration import out_of_range

BASELINE_NAMES = ("popularity", "sequential_rules")
"""What every baseline is called: in the configuration, in tables and in metrics."""


@dataclasses.dataclass(frozen=True)
class BaselineOptions:
    """Which simple recommenders a model is compared with, and their settings.

    Attributes:
      names: the baselines that are fitted and judged.
      rules_window: sequential rules: largest distance of two events that make a rule, in events.
      rules_repeats: sequential rules: whether the current item itself may be recommended.
    """

    names: tuple[str, ...] = BASELINE_NAMES
    rules_window: int = 10
    rules_repeats: bool = True

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        limits: dict[str, tuple[float, float]] = {"rules_window": (1, 20)}
        problems = [
            f"names must be of {', '.join(BASELINE_NAMES)}, got {name!r}"
            for name in self.names
            if name not in BASELINE_NAMES
        ]
        if len(set(self.names)) < len(self.names):
            problems.append(f"names must each be given once, got {list(self.names)}")
        return problems + out_of_range(self, limits)
