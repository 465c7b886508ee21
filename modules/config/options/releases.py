"""Options of releases, and of what an output folder keeps of earlier runs: `releases`, `keep`."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option

STABLE, CANARY, HELD, WITHDRAWN = "stable", "canary", "held", "withdrawn"
"""Labels of versions: the newest released one, which servers load and the gate compares with; the
one on trial; those that were on trial before it; and those that were rolled back from."""


@dataclasses.dataclass(frozen=True)
class ReleaseOptions(Section):
    """What becomes of a pushed version."""

    new_versions: str = option(
        STABLE,
        "label of a new version: a `stable` one takes the place of the one before, a `canary` "
        "waits for `session-retrieval releases promote`",
        choices=(STABLE, CANARY),
    )


@dataclasses.dataclass(frozen=True)
class KeepOptions(Section):
    """What stays of earlier runs; the stable version and the one on trial always do."""

    versions: int | None = option(
        10,
        "newest trained versions, withdrawn ones included, that can be rolled back to, and as many "
        "refreshed ones of what serves; null for all",
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
        90,
        "newest runs whose `report.html` stays, and newest results of `monitor`; null for all",
        limits=(1, 100_000),
    )
    logs: int | None = option(90, "newest files of `logs/`; null for all", limits=(1, 100_000))
    checkpoints: int | None = option(
        1,
        "newest interrupted trainings whose checkpoints stay, from which the same run resumes; "
        "null for all",
        limits=(0, 100_000),
    )
