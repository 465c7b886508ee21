"""Options of what serves: its check before a push, and its items; the section `serving`."""

from __future__ import annotations

import dataclasses
from typing import Any

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class ServingValidatorOptions(Section):
    """What the exported model must pass before it is pushed, and which items it recommends."""

    sessions: int = option(
        200, "sessions that query it, one by one", limits=(1, 10**6), unit="sessions"
    )
    max_p50_ms: float | None = option(
        25.0,
        "highest median latency per session, on a busy machine of CPU time; null for none",
        limits=(1e-3, 1e6),
        unit="ms",
    )
    max_p99_ms: float | None = option(
        None,
        "highest 99th percentile of latency, on a busy machine of CPU time; null for none",
        limits=(1e-3, 1e6),
        unit="ms",
    )
    infra_validator: str = option(
        "none",
        "platform on which InfraValidator also loads it into a TensorFlow Serving container",
        choices=("none", "docker", "kubernetes"),
    )
    server_image_tag: str = option("2.16.1", "tag of InfraValidator's image `tensorflow/serving`")
    offer_file: str | None = option(
        None,
        "list of item ids, one a line, local or at a URI: a version that is pushed recommends the "
        "items that the list has at that time alone; null for the whole catalogue",
    )
    least_offered: float = option(
        0.5,
        "share of the catalogue that the list must have; else nothing is pushed",
        limits=(0, 1),
    )

    def of_check(self) -> dict[str, Any]:
        """Returns the options of the check alone, so that another list does not repeat it."""
        options = dataclasses.asdict(self)
        return {name: value for name, value in options.items() if name not in _OF_LIST}


_OF_LIST = ("offer_file", "least_offered")
