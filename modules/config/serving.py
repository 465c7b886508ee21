"""Options of the check before a push; neither TensorFlow nor Beam here."""

from __future__ import annotations

import dataclasses

from modules.config.options import not_among, out_of_range

PLATFORMS = ("none", "docker", "kubernetes")


@dataclasses.dataclass(frozen=True)
class ServingOptions:
    """What the exported model must do before it is pushed.

    Attributes:
      sessions: sessions of the judged split that are sent to it, one by one.
      max_p50_ms: highest median latency of `recommend` for one session; None for no limit.
      max_p99_ms: highest 99th percentile of the same; None for no limit.
      infra_validator: also load it with TFX's InfraValidator into a TensorFlow Serving container,
        on `docker` or `kubernetes`; `none` does without.
      server_image_tag: tag of the image tensorflow/serving that InfraValidator takes.
    """

    sessions: int = 200
    max_p50_ms: float | None = 25.0
    max_p99_ms: float | None = None
    infra_validator: str = "none"
    server_image_tag: str = "2.16.1"

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        limits = {
            "sessions": (1, 10**6),
            "max_p50_ms": (1e-3, 1e6),
            "max_p99_ms": (1e-3, 1e6),
        }
        return out_of_range(self, limits) + not_among(self, {"infra_validator": PLATFORMS})
