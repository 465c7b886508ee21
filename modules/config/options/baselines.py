"""Options of the baselines."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option
from modules.messages.quoting import quote

BASELINE_NAMES = (
    "popularity",
    "session_popularity",
    "sequential_rules",
    "item_cooccurrence",
    "v_sknn",
    "stan",
)
"""What every baseline is called: in the configuration, in tables and in metrics."""


@dataclasses.dataclass(frozen=True)
class BaselineOptions(Section):
    """Which simple recommenders a model is compared with, and their settings."""

    names: tuple[str, ...] = option(
        BASELINE_NAMES, "the baselines that are fitted and evaluated", choices=BASELINE_NAMES
    )
    rules_window: int = option(
        10, "sequential rules: largest distance within a rule", limits=(1, 20), unit="events"
    )
    rules_repeats: bool = option(
        True, "sequential rules: whether the current item itself may be recommended"
    )
    v_sknn_neighbors: int = option(
        500, "V-SkNN: training sessions used, by similarity", limits=(1, 10**9), unit="sessions"
    )
    v_sknn_recent: int = option(
        2_500, "V-SkNN: newest sessions to select them from", limits=(1, 10**9), unit="sessions"
    )
    v_sknn_idf_weight: float = option(
        5.0, "V-SkNN: weight of rare items (IDF); 0 switches it off", limits=(0.0, 1e6)
    )
    stan_neighbors: int = option(
        500, "STAN: training sessions used, by similarity", limits=(1, 10**9), unit="sessions"
    )
    stan_recent: int = option(
        1_000, "STAN: newest sessions to select them from", limits=(1, 10**9), unit="sessions"
    )
    stan_prefix_decay: float = option(
        1.81, "STAN, lambda 1: decay over the session's events", limits=(0.01, 1e9), unit="events"
    )
    stan_decay_days: float = option(
        100.0, "STAN, lambda 2: decay over the sessions' age", limits=(0.01, 1e9), unit="days"
    )
    stan_position_decay: float = option(
        0.4525, "STAN, lambda 3: decay from a shared item on", limits=(0.01, 1e9), unit="events"
    )
    stan_current_item_factor: float = option(
        1.0, "STAN: factor of the current item's score; near 0 demotes it", limits=(0.0, 1.0)
    )

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        problems = super().problems()
        if len(set(self.names)) < len(self.names):
            problems.append(f"names must each be given once, got {quote(list(self.names))}")
        return problems
