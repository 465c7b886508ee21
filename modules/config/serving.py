"""Options of the check before a push."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option


@dataclasses.dataclass(frozen=True)
class ServingOptions(Section):
    """What the exported model must do before it is pushed."""

    sessions: int = option(
        200,
        "sessions of the evaluation split that are sent to it, one by one",
        limits=(1, 10**6),
        unit="sessions",
    )
    max_p50_ms: float | None = option(
        25.0,
        "highest median latency of `recommend` for one session, which fails where there is none "
        "to time; null for no limit",
        limits=(1e-3, 1e6),
        unit="ms",
    )
    max_p99_ms: float | None = option(
        None,
        "highest 99th percentile of the same; null for no limit",
        limits=(1e-3, 1e6),
        unit="ms",
    )
    infra_validator: str = option(
        "none",
        "also load it with TFX's InfraValidator into a TensorFlow Serving container, on `docker` "
        "or `kubernetes`; `none` does without",
        choices=("none", "docker", "kubernetes"),
    )
    server_image_tag: str = option(
        "2.16.1", "tag of the image `tensorflow/serving` that InfraValidator takes"
    )
