"""Options of the approximate index; neither TensorFlow nor Beam here."""

from __future__ import annotations

import dataclasses

from modules.configuration import not_among, out_of_range

NONE, GRAPH = "none", "graph"
KINDS = (NONE, GRAPH)
_MOST = 10_000  # neighbors, and items of a step: more is no approximation


@dataclasses.dataclass(frozen=True)
class IndexOptions:
    """The approximate index beside the model, and what it must do to be pushed.

    Attributes:
      kind: `none` builds no index; `graph` walks on the graph of nearest neighbors.
      neighbors: of each item, which the graph keeps.
      widths: of each step of a walk, how many items' neighbors are scored.
      sessions: sessions of the judged split that exact and approximate index are asked about.
      min_recall: least share of the exact index's 100 best items that it must find, on average.
      max_p99_ms: highest 99th percentile of `recommend` for one session; None for no limit.
      max_p99_ratio: the same as a multiple of the exact index's, both asked in turns in one
        process; None for no limit.
    """

    kind: str = NONE
    neighbors: int = 64
    widths: tuple[int, ...] = (32, 64, 96)
    sessions: int = 500
    min_recall: float = 0.98
    max_p99_ms: float | None = None
    max_p99_ratio: float | None = 1.0

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        limits = {
            "neighbors": (1, _MOST),
            "sessions": (1, 10**6),
            "min_recall": (0.0, 1.0),
            "max_p99_ms": (1e-3, 1e6),
            "max_p99_ratio": (1e-3, 1e6),
        }
        problems = out_of_range(self, limits) + not_among(self, {"kind": KINDS})
        if not self.widths or not all(1 <= width <= _MOST for width in self.widths):
            problems.append(
                f"widths must hold a number between 1 and {_MOST} for each step, at least one, got "
                f"{list(self.widths)}"
            )
        return problems
