"""The pushed versions of an output folder: when, from which data, how good, and what serves."""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path
from typing import Any

from modules.config.options.releases import STABLE
from modules.copies.restricted_model import read_restriction
from modules.daily.model_day import read_day
from modules.evaluation.metric_names import headline_names
from modules.evaluation.rank_table import CANDIDATE
from modules.files.learned_data import LearnedData, read_learned
from modules.files.model_folder import model_damage
from modules.messages.text_table import aligned
from modules.releases.record import EARLIEST_TIME, PROMOTE, Releases, read_releases
from modules.releases.versions import version_numbers, withdrawn_folder
from pipeline.forget.record import has_learned_forgotten
from pipeline.history.columns import Row, metric_column
from pipeline.history.rows import read_history
from pipeline.paths import Paths
from pipeline.releases.change import place_of
from pipeline.run.output_state import disk_bytes

METRICS = headline_names(["honest"], ["all"])
Release = dict[str, Any]


def read_overview(out: Path) -> list[Release]:
    """Returns plain values for JSON of each version, the oldest first."""
    folder = Paths.under(out).push_folder
    releases = read_releases(folder)
    numbers = {*version_numbers(folder), *version_numbers(withdrawn_folder(folder))}
    labels = releases.labels(map(str, numbers))
    rows = {row["pushed_version"]: row for row in read_history(out).rows if row["pushed_version"]}
    found = [
        {
            **_release(place_of(folder, name), label, releases, rows.get(name)),
            "learned_forgotten": has_learned_forgotten(name, out),
        }
        for name, label in labels.items()
    ]
    _add_serving_since(found, releases)
    return found


def _release(place: str, label: str, releases: Releases, row: Row | None) -> Release:
    version, learned = os.path.basename(place), _learned(place)
    action = releases.last.get(version)
    return {
        "version": version,
        "label": label,
        "pushed": _pushed_time(version),
        "serving_since": None,
        "day": read_day(place),
        "learned_from": learned and _time(learned.first_start / 1000),
        "learned_until": learned and _time(learned.last_start / 1000),
        "verdict": row and row["verdict"],
        "metrics": {name: row and row[metric_column(CANDIDATE, name)] for name in METRICS},
        **_items(place),
        "megabytes": round(disk_bytes(place) / 1e6, 1),
        "damage": model_damage(place),
        "last_action": action and {"name": action.name, **_who(action)},
        "folder": place,
    }


def _items(place: str) -> dict[str, int | None]:
    """Returns how many items a version recommends, and of how many; None if it is all of them."""
    record = read_restriction(place) or {}
    return {name: record.get(name) for name in ("offered", "catalogue")}


def _pushed_time(version: str) -> str | None:
    """Returns the time that Pusher named a version by; None for a number that is none."""
    seconds = int(version)
    return _time(seconds) if EARLIEST_TIME < seconds < time.time() + 86_400 else None


def _who(action: Any) -> dict[str, str]:
    return {name: getattr(action, name) for name in ("time", "by", "why")}


def _learned(place: str) -> LearnedData | None:
    try:
        return read_learned(place)
    except ValueError:
        return None


def _time(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _add_serving_since(found: list[Release], releases: Releases) -> None:
    """Says since when the stable version serves: its push, its promotion, or a rollback to it."""
    for release in found:
        if release["label"] == STABLE:
            later = [
                action.time
                for version, action in releases.last.items()
                if (int(version) > int(release["version"]) and releases.withdrawal(version))
                or (version == release["version"] and action.name == PROMOTE)
            ]
            times = [*([release["pushed"]] if release["pushed"] else []), *later]
            release["serving_since"] = max(times, default=None)


def format_overview(found: list[Release], releases: Releases) -> str:
    """Returns a line per version below a header, the newest last, and what is paused."""
    header = ["Version", "label", "day", "pushed (UTC)", "learned until"]
    header += [name.rpartition("/")[2] for name in METRICS]
    header += ["items", "MB", "why"]
    table = [header, *(_line(release) for release in found)]
    lines = aligned(table, left=(0, 1, 2, 3, 4, len(header) - 1))
    if releases.paused:
        lines.append(f"Pushing was paused {releases.paused}")
    return "\n".join(lines)


def _line(release: Release) -> list[str]:
    action = release["last_action"]
    why = f"{action['name']} by {action['by']}: {action['why']}".rstrip(": ") if action else ""
    if release["learned_forgotten"]:
        why = "; ".join(filter(None, ["learned sessions that were forgotten", why]))
    return [
        release["version"],
        release["label"] or "-",
        release["day"] or "-",
        _minute(release["pushed"]),
        _minute(release["learned_until"]),
        *("-" if value is None else f"{value:.4f}" for value in release["metrics"].values()),
        "all" if release["offered"] is None else f"{release['offered']:,}",
        f"{release['megabytes']:.1f}",
        f"damaged: {release['damage']}" if release["damage"] else why,
    ]


def _minute(time: str | None) -> str:
    return time[:16].replace("T", " ") if time else "-"
