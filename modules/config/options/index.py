"""Options of the approximate index."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option

NONE, PQ = "none", "pq"


@dataclasses.dataclass(frozen=True)
class IndexOptions(Section):
    """The approximate index beside the model, and what it must do to be pushed."""

    kind: str = option(
        NONE,
        "`none` builds no index; `pq` scans short codes of all items (product quantization) and "
        "scores the best ones exactly; needs the extra `ann`",
        choices=(NONE, PQ),
    )
    dimensions_per_code: int = option(
        2, "vector dimensions that share a 4-bit code", limits=(1, 16)
    )
    rerank_depth: int | None = option(
        None,
        "best items by code that are scored exactly; null for twice the square root of the "
        "catalogue, at least 700",
        limits=(100, 10**6),  # as many as are recommended
        was="rescored",
        unit="items",
    )
    sessions: int = option(
        500, "sessions that query both indexes", limits=(1, 10**6), unit="sessions"
    )
    min_recall: float = option(
        0.98, "lowest share of the exact index's 100 best items that is found", limits=(0.0, 1.0)
    )
    max_p99_ms: float | None = option(
        None,
        "highest 99th percentile of latency, on a busy machine of CPU time; null for none",
        limits=(1e-3, 1e6),
        unit="ms",
    )
    max_p99_ratio: float | None = option(
        1.0, "the same as a multiple of the exact index's; null for none", limits=(1e-3, 1e6)
    )
