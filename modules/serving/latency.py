"""Percentiles of request times, and the one rule by which they meet limits on a busy machine.

Where other processes wait for the same cores, a call takes several times as long as it would alone,
and a limit would say more about them than about the model. Empty calls between the model's show it:
they take longer than their CPU time. Then a call may meet its limit by its CPU time, which changes
much less.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

PERCENTILES = {"p50_ms": 50, "p99_ms": 99}
BUSY = 1.2
"""Wall time of empty calls, as a multiple of their CPU time, above which a machine is busy."""


def percentiles(milliseconds: npt.ArrayLike) -> dict[str, float]:
    """Returns the 50th and the 99th percentile of at least one time, interpolated linearly.

    >>> percentiles([0.0, 100.0])
    {'p50_ms': 50.0, 'p99_ms': 99.0}
    """
    times = np.asarray(milliseconds, np.float64)
    values = np.percentile(times, list(PERCENTILES.values()), method="linear")
    return dict(zip(PERCENTILES, map(float, values), strict=True))


class Latency(NamedTuple):
    """The latency of a model.

    Attributes:
      wall: percentiles of the calls' wall times, ms.
      cpu: percentiles of their CPU times, of all threads, ms.
      delay: wall time of the empty calls between them, as a multiple of their CPU time.
    """

    wall: dict[str, float]
    cpu: dict[str, float]
    delay: float

    @classmethod
    def of(cls, times: Mapping[str, Any], name: str) -> Latency:
        """Returns the latency of a function that was called at least once.

        Args:
          times: output of `modules.serving.isolated_probe.timed`.
          name: name of the function in it.
        """
        wall, cpu = (
            percentiles(times[kind][name]) for kind in ("milliseconds", "cpu_milliseconds")
        )
        return cls(wall, cpu, times["delay"])

    @property
    def is_busy(self) -> bool:
        """Whether other processes waited for the same cores."""
        return self.delay > BUSY

    def meets(self, name: str, limit: float) -> bool:
        """Returns whether a percentile is within a limit in ms.

        >>> busy = Latency({"p50_ms": 40.0}, {"p50_ms": 9.0}, delay=5.0)
        >>> busy.meets("p50_ms", 25.0), busy._replace(delay=1.0).meets("p50_ms", 25.0)
        (True, False)
        """
        return self.wall[name] <= limit or (self.is_busy and self.cpu[name] <= limit)

    def keeps_up(self, name: str, other: Latency, ratio: float, slack: float = 0.0) -> bool:
        """Returns whether a percentile is at most that of another model, in calls that took turns.

        Args:
          name: name of the percentile.
          other: latency of the other model.
          ratio: multiple of the other's that is allowed.
          slack: what is allowed beyond that, ms.
        """
        if self.wall[name] <= ratio * other.wall[name] + slack:
            return True
        return self.is_busy and self.cpu[name] <= ratio * other.cpu[name] + slack

    def text(self, name: str) -> str:
        """Says a percentile, with its CPU time if that may count.

        >>> Latency({"p50_ms": 40.0}, {"p50_ms": 9.0}, delay=5.0).text("p50_ms")
        '40.00 ms for one session (9.00 ms of CPU time on a busy machine)'
        """
        beside = f" ({self.cpu[name]:.2f} ms of CPU time on a busy machine)" if self.is_busy else ""
        return f"{self.wall[name]:.2f} ms for one session{beside}"
