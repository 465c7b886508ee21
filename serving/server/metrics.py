"""What the server counts, for Prometheus.

Names of signatures and labels are those of the models alone, so that no client can make new series.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from modules.releases.record import EARLIEST_TIME
from modules.serving.latency import PERCENTILES
from serving.server.calls import Arrays
from serving.server.model_store import ServedModel

PREFIX = "session_retrieval"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64)
_ANSWERED = ("200", "OK")
OTHER = "other"
"""Signature of requests that do not reach one of the model's."""


class Metrics:
    """The counters of one server."""

    def __init__(self, models: Callable[[], Mapping[str, ServedModel]]) -> None:
        """Registers all of them.

        Args:
          models: function that returns the loaded models by label.
        """
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        registry.register(_Models(models))
        by = ("api", "signature", "label")
        self.requests = Counter(
            f"{PREFIX}_requests",
            "Requests by their status: an HTTP status, or the name of gRPC's.",
            (*by, "code"),
            registry=registry,
        )
        self.seconds = Histogram(
            f"{PREFIX}_request_seconds",
            "Time from a request that has been read to its answer.",
            ("api", "signature", "label"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_rows = Histogram(
            f"{PREFIX}_batch_rows",
            "Rows of one call of a model.",
            buckets=_ROWS,
            registry=registry,
        )
        self._counts = {
            name: Counter(f"{PREFIX}_{name}", text, ("label",), registry=registry)
            for name, text in (
                ("sessions", "Sessions for which items were recommended."),
                (
                    "fallback_sessions",
                    "Sessions of which the model knows no item: popular ones are recommended.",
                ),
                ("items", "Items of these sessions."),
                ("unknown_items", "Items of these sessions that the model does not know."),
            )
        }
        self.queue = Gauge(f"{PREFIX}_queue_length", "Requests that wait.", registry=registry)
        self.open = Gauge(
            f"{PREFIX}_open_requests",
            "Requests that are being read or answered.",
            registry=registry,
        )
        self.log_rows = Counter(
            f"{PREFIX}_request_log_rows",
            "Rows of the request log: written, or dropped because they could not be.",
            ("what",),
            registry=registry,
        )

        for what in ("written", "dropped"):
            self.logged(what, 0)

    def answered(self, api: str, signature: str, label: str, code: str, seconds: float) -> None:
        """Counts a request."""
        self.requests.labels(api, signature, label, code).inc()
        if code in _ANSWERED:  # what is refused takes no time
            self.seconds.labels(api, signature, label).observe(seconds)

    def recommended(self, arrays: Arrays, label: str, known: frozenset[bytes]) -> None:
        """Counts the sessions of a call and their items; nothing if they are not given by id.

        Args:
          arrays: inputs of the call.
          label: label of the model.
          known: ids that the model knows; empty if it does not list them.
        """
        rows = arrays.get("item_ids")
        if rows is None or rows.ndim != 2 or not known:
            return
        items = unknown = fallbacks = 0
        for row in rows.tolist():
            given = [item for item in row if item]
            strange = sum(item not in known and item.strip() not in known for item in given)
            items, unknown = items + len(given), unknown + strange
            fallbacks += strange == len(given)
        counted = (len(rows), fallbacks, items, unknown)
        for counter, number in zip(self._counts.values(), counted, strict=True):
            counter.labels(label).inc(number)

    def logged(self, what: str, rows: int) -> None:
        """Counts rows of the request log, written or dropped."""
        self.log_rows.labels(what).inc(rows)

    def shares(self) -> dict[str, float | None]:
        """Returns the share of unknown items and of fallback sessions so far; None for none."""
        totals = {
            name: sum(value for sample, _, value in _samples(counter) if sample.endswith("_total"))
            for name, counter in self._counts.items()
        }
        pairs = {"unknown items": ("unknown_items", "items")}
        pairs["fallback sessions"] = ("fallback_sessions", "sessions")
        return {
            name: totals[part] / totals[whole] if totals[whole] else None
            for name, (part, whole) in pairs.items()
        }

    def request_counts(self) -> dict[str, int]:
        """Returns the number of requests by status so far."""
        found: dict[str, int] = {}
        for name, labels, value in _samples(self.requests):
            if name.endswith("_total"):
                found[labels["code"]] = found.get(labels["code"], 0) + int(value)
        return dict(sorted(found.items()))

    def latencies(self) -> dict[str, float | None]:
        """Returns the bucket, in milliseconds, in which half and 99 % of the requests ended."""
        counts: dict[float, float] = {}
        for name, labels, value in _samples(self.seconds):
            if name.endswith("_bucket"):
                limit = float(labels["le"])
                counts[limit] = counts.get(limit, 0) + value
        total = max(counts.values(), default=0)
        found: dict[str, float | None] = {}
        for name, percent in PERCENTILES.items():
            at = (limit for limit in sorted(counts) if counts[limit] >= total * percent / 100)
            found[name] = 1e3 * next(at) if total else None
        return found

    def text(self) -> bytes:
        """Returns all of them in Prometheus' format."""
        return generate_latest(self._registry)


def _samples(metric: Collector) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yields name, labels and value of each series."""
    for family in metric.collect():
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


class _Models(Collector):
    """Which versions serve, and how old they are, at the time of the query."""

    def __init__(self, models: Callable[[], Mapping[str, ServedModel]]) -> None:
        self._models = models

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily(
            f"{PREFIX}_model_info", "1 for each model that serves.", labels=("label", "version")
        )
        age = GaugeMetricFamily(
            f"{PREFIX}_model_age_seconds", "Time since the model was pushed.", labels=("label",)
        )
        items = GaugeMetricFamily(
            f"{PREFIX}_model_items", "Items of the model's catalogue.", labels=("label",)
        )
        for label, model in self._models().items():
            info.add_metric((label, str(model.version)), 1)
            items.add_metric((label,), model.catalogue_size)
            if (seconds := age_seconds(model)) is not None:
                age.add_metric((label,), seconds)
        return [info, age, items]


def age_seconds(model: ServedModel) -> float | None:
    """Returns the time since a push, by which Pusher names versions, else since the files' time."""
    now = time.time()
    if EARLIEST_TIME < model.version <= now:
        return now - model.version
    try:
        return now - (model.folder / "saved_model.pb").stat().st_mtime
    except OSError:
        return None
