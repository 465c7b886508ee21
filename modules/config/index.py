"""Options of the approximate index; neither TensorFlow nor Beam here."""

from __future__ import annotations

import dataclasses

from modules.config.options import not_among, out_of_range

NONE, PQ = "none", "pq"
KINDS = (NONE, PQ)


@dataclasses.dataclass(frozen=True)
class IndexOptions:
    """The approximate index beside the model, and what it must do to be pushed.

    Attributes:
      kind: `none` builds no index; `pq` scans short codes of all items (product quantization) and
        scores the best ones exactly; needs the extra `ann`.
      dimensions_per_code: dimensions of an item's vector that share a code of 4 bits.
      rescored: items, the best by their codes, that are scored exactly; None for twice the square
        root of the catalogue, at least 700.
      sessions: sessions of the judged split that exact and approximate index are asked about.
      min_recall: least share of the exact index's 100 best items that it must find, on average.
      max_p99_ms: highest 99th percentile of `recommend` for one session; None for no limit.
      max_p99_ratio: the same as a multiple of the exact index's, both asked in turns in one
        process; None for no limit.
    """

    kind: str = NONE
    dimensions_per_code: int = 2
    rescored: int | None = None
    sessions: int = 500
    min_recall: float = 0.98
    max_p99_ms: float | None = None
    max_p99_ratio: float | None = 1.0

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        limits = {
            "dimensions_per_code": (1, 16),
            "rescored": (100, 10**6),  # as many as are answered
            "sessions": (1, 10**6),
            "min_recall": (0.0, 1.0),
            "max_p99_ms": (1e-3, 1e6),
            "max_p99_ratio": (1e-3, 1e6),
        }
        return out_of_range(self, limits) + not_among(self, {"kind": KINDS})
