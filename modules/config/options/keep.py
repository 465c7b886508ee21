"""Options of how much of earlier runs an output folder keeps, the section `keep`."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class KeepOptions(Section):
    """What stays of earlier runs; the stable version and the one on trial always do."""

    versions: int | None = option(
        10,
        "newest pushed versions, withdrawn ones included, that can be rolled back to; null for all",
        limits=(2, 100_000),
    )
    outputs: int | None = option(
        3,
        "newest artifacts of each output of a node, which TFX's cache reuses; null for all",
        limits=(2, 100_000),
    )
    compared: int | None = option(
        30,
        "the same of statistics, data reports and verdicts, with which later days are compared",
        limits=(2, 100_000),
    )
    reports: int | None = option(
        90, "newest runs whose `report.html` stays; null for all", limits=(1, 100_000)
    )
    logs: int | None = option(90, "newest files of `logs/`; null for all", limits=(1, 100_000))
