"""Typed options of the baselines; neither TensorFlow nor Beam here."""

from __future__ import annotations

import dataclasses

from modules.config.options import out_of_range
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
class BaselineOptions:
    """Which simple recommenders a model is compared with, and their settings.

    Attributes:
      names: the baselines that are fitted and judged.
      rules_window: sequential rules: largest distance of two events that make a rule, in events.
      rules_repeats: sequential rules: whether the current item itself may be recommended.
      v_sknn_neighbors: V-SkNN: how many of the most similar training sessions are asked.
      v_sknn_recent: V-SkNN: they are chosen among so many of the newest that share an item.
      v_sknn_idf_weight: V-SkNN: how much rare items are preferred; 0 switches that off.
      stan_neighbors: STAN: how many of the most similar training sessions are asked.
      stan_recent: STAN: they are chosen among so many of the newest that share an item.
      stan_prefix_decay: STAN: lambda 1, in events: how fast earlier events of the session lose
        weight.
      stan_decay_days: STAN: lambda 2, in days: how fast training sessions lose weight.
      stan_position_decay: STAN: lambda 3, in events: how fast items far from a shared one lose
        weight.
      stan_current_item_factor: STAN: what the current item's score is multiplied by; a little above
        0 demotes it.
    """

    names: tuple[str, ...] = BASELINE_NAMES
    rules_window: int = 10
    rules_repeats: bool = True
    v_sknn_neighbors: int = 500
    v_sknn_recent: int = 2_500
    v_sknn_idf_weight: float = 5.0
    stan_neighbors: int = 500
    stan_recent: int = 1_000
    stan_prefix_decay: float = 1.81
    stan_decay_days: float = 100.0
    stan_position_decay: float = 0.4525
    stan_current_item_factor: float = 1.0

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        problems = [
            f"names must be of {', '.join(BASELINE_NAMES)}, got {quote(name)}"
            for name in self.names
            if name not in BASELINE_NAMES
        ]
        if len(set(self.names)) < len(self.names):
            problems.append(f"names must each be given once, got {quote(list(self.names))}")
        counts = dict.fromkeys(
            ("v_sknn_neighbors", "v_sknn_recent", "stan_neighbors", "stan_recent"), (1.0, 1e9)
        )
        decays = dict.fromkeys(
            ("stan_prefix_decay", "stan_decay_days", "stan_position_decay"), (0.01, 1e9)
        )
        others = {
            "rules_window": (1.0, 20.0),
            "v_sknn_idf_weight": (0.0, 1e6),
            "stan_current_item_factor": (0.0, 1.0),
        }
        return problems + out_of_range(self, counts | decays | others)
