"""Measures everything that a request log, clicks and training data say of the served versions."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from modules.array_types import BoolArray, IntArray
from modules.config.options.monitor import MonitorOptions
from modules.config.options.releases import CANARY, STABLE
from modules.evaluation.metrics import reciprocal_rank_at_k
from modules.releases.record import EARLIEST_TIME
from modules.serving.latency import percentiles
from pipeline.monitor import skew
from pipeline.monitor.clicks import Clicks
from pipeline.monitor.estimates import Group, Metric, overall
from pipeline.monitor.outcomes import Outcomes, find_outcomes
from pipeline.monitor.requests import MOST_ANSWERS, NO_ITEM, Requests
from pipeline.monitor.timeline import timeline
from pipeline.monitor.training_data import Models, ServedModel, Sessions

RECALL, MRR = f"recall@{MOST_ANSWERS}", f"mrr@{MOST_ANSWERS}"
CLICK_THROUGH, EMPTY, UNKNOWN, SLOW = "click_through", "empty", "no_known_item", "slow"
NAMES = {
    RECALL: f"Recall@{MOST_ANSWERS}",
    MRR: f"MRR@{MOST_ANSWERS}",
    CLICK_THROUGH: "click-through",
    EMPTY: "no recommendation",
    UNKNOWN: "no known item",
    SLOW: "slower than stable's p99",
}
"""Metrics for people; the first three need clicks."""
MOST_ITEMS = 10
"""Items that are named: those whose shares changed most, and the most frequent unknown ones."""
_MS_PER_DAY = 86_400_000
Report = dict[str, Any]


def measure(
    requests: Requests, clicks: Clicks | None, models: Models, options: MonitorOptions
) -> Report:
    """Returns all results as plain values for JSON, but for the checks of limits.

    Args:
      requests: at least one request.
      clicks: clicks of the same sessions; None if none are given.
      models: the versions and their training data.
      options: section `monitor`.
    """
    window_ms = round(options.click_minutes * 60_000)
    outcomes = find_outcomes(requests, clicks, window_ms) if clicks else None
    versions, no_known = {}, np.zeros(len(requests), bool)
    is_known_version = np.zeros(len(requests), bool)
    for number in np.unique(requests.version).tolist():
        chosen = requests.version == number
        model = models.find(str(number))
        versions[str(number)] = _version(requests, chosen, clicks, model, options)
        if model.known is not None:
            known = requests.item_ids.known(model.known)
            no_known[chosen] = requests.counts_of(chosen, known) == 0
            is_known_version |= chosen
    metrics = _metrics(requests, outcomes, no_known, is_known_version)
    return {
        "format": 1,
        "made": utc(time.time() * 1000),
        "requests": _log_facts(requests),
        "clicks": _click_facts(clicks, outcomes),
        "versions": versions,
        "groups": list(_groups(requests, metrics, options)),
        "canary": _canary(requests, metrics, options),
        "options": dataclasses.asdict(options),
    }


def utc(time_ms: float) -> str:
    """Returns a time as ISO text in UTC.

    >>> utc(1442004589439)
    '2015-09-11T20:49:49Z'
    """
    moment = datetime.datetime.fromtimestamp(int(time_ms // 1000), datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _log_facts(requests: Requests) -> Report:
    return {
        "requests": len(requests),
        "sessions": len(np.unique(requests.session)),
        "broken": requests.broken,
        "repeated": requests.repeated,
        "first": utc(requests.time[0]),
        "last": utc(requests.time[-1]),
    }


def _click_facts(clicks: Clicks | None, outcomes: Outcomes | None) -> Report | None:
    if clicks is None or outcomes is None:
        return None
    return {
        "read": clicks.read,
        "rejected": dict(clicks.rejected),
        "sessions": clicks.sessions,
        "newest": None if clicks.newest is None else utc(clicks.newest),
        "with_target": int(np.count_nonzero(outcomes.has_target)),
        "open": outcomes.open,
        "clock_seconds": None if outcomes.clock_ms is None else outcomes.clock_ms / 1000,
    }


def _version(
    requests: Requests,
    chosen: BoolArray,
    clicks: Clicks | None,
    model: ServedModel,
    options: MonitorOptions,
) -> Report:
    """Returns skew, staleness and latency of a version."""
    rows = np.flatnonzero(chosen)
    last = last_requests(requests, chosen)
    lengths = requests.lengths()
    first_ms, last_ms = int(requests.time[rows[0]]), int(requests.time[rows[-1]])
    learned_ms = model.learned.last_start if model.learned else None
    number = int(model.version)
    is_time = EARLIEST_TIME < number < last_ms / 1000 + 86_400
    known = None if model.known is None else requests.item_ids.known(model.known)
    current, of = _current_items(requests, rows, clicks, first_ms, last_ms)
    served = _sessions(requests, last[lengths[last] > 0])
    return {
        "requests": len(rows),
        "sessions": len(np.unique(requests.session[rows])),
        "first": utc(first_ms),
        "last": utc(last_ms),
        "pushed": utc(number * 1000) if is_time else None,
        "learned_until": None if learned_ms is None else utc(learned_ms),
        "age_days": None if learned_ms is None else max(last_ms - learned_ms, 0) / _MS_PER_DAY,
        "run_id": model.run_id,
        "known_items": None if model.known is None else len(model.known),
        "empty_sessions": _share(lengths[last] == 0),
        "empty_share": _share(requests.answers[rows, 0] == NO_ITEM),
        "oov_share": None if known is None else _share(~known[requests.items_of(last)]),
        "stale_share": None if known is None else _share(~known[current]),
        "stale_of": of,
        "unknown_items": []
        if known is None
        else _most_frequent(requests, current[~known[current]]),
        **percentiles(requests.milliseconds[rows]),
        **_skew(model, served, options),
        "timeline": timeline(requests, chosen, known),
        "missing": list(model.missing),
    }


def last_requests(requests: Requests, chosen: BoolArray) -> IntArray:
    """Returns the last chosen request of each session: it has the most of the session."""
    rows = np.flatnonzero(chosen)[::-1]
    _, first = np.unique(requests.session[rows], return_index=True)
    return np.sort(rows[first])


def _current_items(
    requests: Requests, rows: IntArray, clicks: Clicks | None, first_ms: int, last_ms: int
) -> tuple[IntArray, str]:
    """Returns the items that were clicked while a version answered, and by what that is known."""
    if clicks:
        at_the_time = (first_ms <= clicks.time) & (clicks.time <= last_ms)
        return clicks.item[at_the_time], "clicks"
    latest = requests.latest_items()[rows]
    return latest[latest != NO_ITEM].astype(np.int64), "latest items of requests"


def _most_frequent(requests: Requests, items: IntArray) -> list[Report]:
    """Returns the most frequent of the numbered items, with their counts."""
    numbers, counts = np.unique(items, return_counts=True)
    first = np.lexsort((numbers, -counts))[:MOST_ITEMS]
    ids = requests.item_ids.ids()
    return [
        {"item": ids[number].decode("utf-8", "replace"), "count": int(count)}
        for number, count in zip(numbers[first].tolist(), counts[first], strict=True)
    ]


def _sessions(requests: Requests, rows: IntArray) -> Sessions:
    ids = np.empty(len(requests.item_ids), object)
    ids[:] = requests.item_ids.ids()
    offsets = np.concatenate([[0], np.cumsum(requests.lengths()[rows])]).astype(np.int64)
    return Sessions(ids[requests.items_of(rows)], offsets)


def _skew(model: ServedModel, served: Sessions, options: MonitorOptions) -> Report:
    """Returns the distances from the training data, and what charts show of both."""
    known = model.known or ()
    shortest = 1
    if model.sessions is not None and len(model.sessions):
        shortest = int(model.sessions.lengths().min())
    features = skew.Features(known, shortest)
    found: dict[str, skew.Distance] = {}
    if len(served) and model.sessions is not None and len(model.sessions):
        found = skew.compare(model.sessions, served, known, shortest, options.seed)
    elif len(served) and model.statistics is not None:
        found = skew.compare_items(model.statistics, served)
    trained = model.sessions
    return {
        "distances": {name: dataclasses.asdict(each) for name, each in sorted(found.items())},
        "moved_items": skew.moved_items(trained, served, MOST_ITEMS) if found and trained else [],
        "shortest": shortest,
        "too_short": _share(served.lengths() < shortest),
        "mean_length": _mean(served.lengths()),
        "trained_mean_length": _trained_mean(model),
        "lengths": _length_counts(features, served),
        "trained_lengths": _length_counts(features, trained) if trained else None,
        "groups": features.group_shares(served),
        "trained_groups": features.group_shares(trained) if trained else None,
    }


def _trained_mean(model: ServedModel) -> float | None:
    if model.sessions is not None:
        return _mean(model.sessions.lengths())
    learned = model.learned
    return learned.events / learned.sessions if learned and learned.sessions else None


def _length_counts(features: skew.Features, sessions: Sessions) -> list[int]:
    """Returns the number of sessions by length from 0 on."""
    found = np.bincount(features.lengths(sessions), minlength=skew.LONGEST + 1)
    return [int(count) for count in found]


def _share(chosen: BoolArray) -> float | None:
    return float(chosen.mean()) if len(chosen) else None


def _mean(values: IntArray) -> float | None:
    return float(values.mean()) if len(values) else None


def _metrics(
    requests: Requests, outcomes: Outcomes | None, no_known: BoolArray, has_items: BoolArray
) -> dict[str, Metric]:
    everything = np.ones(len(requests), bool)
    is_empty = (requests.answers[:, 0] == NO_ITEM).astype(float)
    found = {
        EMPTY: Metric(is_empty, everything, False),
        UNKNOWN: Metric(no_known.astype(float), has_items, False),
    }
    if outcomes is None:
        return found
    hit = (outcomes.rank <= MOST_ANSWERS).astype(float)
    gain = reciprocal_rank_at_k(outcomes.rank, MOST_ANSWERS)
    return {
        RECALL: Metric(hit, outcomes.has_target, True),
        MRR: Metric(gain, outcomes.has_target, True),
        CLICK_THROUGH: Metric(outcomes.clicked.astype(float), everything, True),
        **found,
    }


def _groups(
    requests: Requests, metrics: Mapping[str, Metric], options: MonitorOptions
) -> Iterator[Report]:
    """Yields the metrics of each version under each of its labels."""
    pairs = np.unique(np.stack([requests.version, requests.label], axis=1), axis=0)
    for version, label in pairs.tolist():
        chosen = (requests.version == version) & (requests.label == label)
        group = Group(metrics, requests.session, chosen, options.resamples, options.seed)
        yield {
            "version": str(version),
            "label": requests.labels[label],
            "requests": int(np.count_nonzero(chosen)),
            "sessions": len(np.unique(requests.session[chosen])),
            "metrics": {
                name: group.estimate(name, options.confidence).as_json() for name in metrics
            },
            **percentiles(requests.milliseconds[chosen]),
        }


def _canary(
    requests: Requests, metrics: Mapping[str, Metric], options: MonitorOptions
) -> Report | None:
    """Compares the version on trial with the stable requests of the same time; None without one.

    The confidence of the intervals allows for the number of metrics, so that all of them together
    raise a false alarm as rarely as one does.
    """
    labels = np.asarray(requests.labels, object)[requests.label]
    on_trial = labels == CANARY
    if not on_trial.any():
        return None
    version = int(requests.version[np.flatnonzero(on_trial)[-1]])
    canary = on_trial & (requests.version == version)
    times = requests.time[canary]
    stable = (labels == STABLE) & (times[0] <= requests.time) & (requests.time <= times[-1])
    found: Report = {
        "version": str(version),
        "stable": [str(each) for each in np.unique(requests.version[stable]).tolist()],
        "first": utc(times[0]),
        "last": utc(times[-1]),
        "requests": [int(np.count_nonzero(each)) for each in (canary, stable)],
        "sessions": [len(np.unique(requests.session[each])) for each in (canary, stable)],
    }
    compared = dict(metrics)
    if stable.any():
        slow = requests.milliseconds > percentiles(requests.milliseconds[stable])["p99_ms"]
        compared[SLOW] = Metric(slow.astype(float), np.ones(len(requests), bool), False)
    confidence = 1 - (1 - options.confidence) / len(compared)
    of_canary, of_stable = (
        Group(compared, requests.session, chosen, options.resamples, options.seed + place)
        for place, chosen in enumerate((canary, stable))
    )
    differences = {
        name: of_canary.difference(of_stable, name, confidence, metric.higher_is_better)
        for name, metric in compared.items()
    }
    return {
        **found,
        "confidence": confidence,
        "metrics": {name: each.as_json() for name, each in differences.items()},
        "verdict": overall([each.verdict for each in differences.values()]),
    }
