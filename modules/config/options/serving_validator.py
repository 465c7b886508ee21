"""Options of ServingValidator, the check before a push: the section `serving`."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class ServingValidatorOptions(Section):
    """What the exported model must pass before it is pushed."""

    sessions: int = option(
        200, "sessions that query it, one by one", limits=(1, 10**6), unit="sessions"
    )
    max_p50_ms: float | None = option(
        25.0, "highest median latency per session; null for none", limits=(1e-3, 1e6), unit="ms"
    )
    max_p99_ms: float | None = option(
        None, "highest 99th percentile of latency; null for none", limits=(1e-3, 1e6), unit="ms"
    )
    infra_validator: str = option(
        "none",
        "platform on which InfraValidator also loads it into a TensorFlow Serving container",
        choices=("none", "docker", "kubernetes"),
    )
    server_image_tag: str = option("2.16.1", "tag of InfraValidator's image `tensorflow/serving`")
