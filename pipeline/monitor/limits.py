"""Compares what was measured with the limits of the section `monitor`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from modules.config.options.monitor import MonitorOptions
from modules.gate.check_record import SKIPPED, Check, outcome
from modules.gate.metric_checks import FEWEST_SESSIONS
from modules.messages.counting import counted
from pipeline.monitor.estimates import WORSE
from pipeline.monitor.measure import NAMES


@dataclasses.dataclass(frozen=True)
class LimitCheck(Check):
    """A check of a version; its name is the option of the section `monitor` with the limit.

    Attributes:
      version: name of the version.
      value: value found; None if nothing could be measured.
      limit: largest value allowed.
    """

    version: str
    value: float | str | None
    limit: float | str


_OF_VERSION = {
    "max_oov_share": ("oov_share", "unknown items in served sessions", ".2%"),
    "max_stale_click_share": ("stale_share", "clicks on unknown items", ".2%"),
    "max_empty_share": ("empty_share", "requests with no recommendation", ".2%"),
    "max_p99_ms": ("p99_ms", "99th percentile of latency, ms", ",.1f"),
    "max_age_days": ("age_days", "days since the last session that it learned", ",.1f"),
}
_OF_DISTANCE = {
    "max_item_drift": ("item_ids", "change", "largest change of an item's share"),
    "max_item_divergence": ("item_ids", "divergence", "divergence of the items"),
    "max_popularity_divergence": ("popularity", "divergence", "divergence of popularity groups"),
    "max_length_divergence": ("session_length", "divergence", "divergence of session lengths"),
}


def limit_checks(report: Mapping[str, Any], options: MonitorOptions) -> list[LimitCheck]:
    """Returns a check per version and limit, and one of a version on trial.

    Args:
      report: what was measured, from `pipeline.monitor.measure`.
      options: the limits.
    """
    found = [
        check
        for name, version in report["versions"].items()
        for check in _of_version(name, version, options)
    ]
    canary = report["canary"]
    if canary and options.canary_worse:
        metrics = canary["metrics"].items()
        worse = [NAMES[name] for name, each in metrics if each["verdict"] == WORSE]
        reason = f"the version on trial is worse than the stable one in {', '.join(worse)}"
        found.append(
            LimitCheck(
                name="canary_worse",
                verdict=outcome(not worse),
                reason=reason if worse else "the version on trial is not shown to be worse",
                version=canary["version"],
                value=canary["verdict"],
                limit="not worse",
            )
        )
    return found


def _of_version(
    name: str, version: Mapping[str, Any], options: MonitorOptions
) -> Iterator[LimitCheck]:
    for option, (key, words, form) in _OF_VERSION.items():
        limit = getattr(options, option)
        if limit is not None:
            yield _check(option, name, version, version[key], limit, words, form)
    for option, (feature, key, words) in _OF_DISTANCE.items():
        limit = getattr(options, option)
        if limit is not None:
            distance = version["distances"].get(feature) or {}
            value, expected = distance.get(key), distance.get(f"expected_{key}")
            noise = expected if value is not None and value <= (expected or 0) else None
            yield _check(option, name, version, value, limit, words, ".3f", noise)


def _check(
    option: str,
    name: str,
    version: Mapping[str, Any],
    value: float | None,
    limit: float,
    words: str,
    form: str,
    noise: float | None = None,
) -> LimitCheck:
    """Returns the check of a value.

    Args:
      option: option with the limit.
      name: name of the version.
      version: what was measured of it.
      value: the value; None if it could not be measured.
      limit: largest value allowed.
      words: what it is.
      form: format of a value.
      noise: how far samples of equal data differ, if the value is within it.
    """
    sessions = version["sessions"]
    if value is None:
        verdict, reason = SKIPPED, f"{words}: not measured"
    else:
        shown = f"{words}: {value:{form}}, at most {limit:{form}} is allowed"
        verdict, reason = outcome(value <= limit), shown
        if value > limit and sessions < FEWEST_SESSIONS:
            verdict = SKIPPED
            reason = f"{shown}, but of {counted(sessions, 'session')} only"
        elif value > limit and noise is not None:
            verdict = SKIPPED
            reason = f"{shown}, but samples of training sessions differ by up to {noise:{form}}"
    return LimitCheck(option, verdict, reason, name, value, limit)
