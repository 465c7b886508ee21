"""Options of which pushed versions serve, the section `releases`."""

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
