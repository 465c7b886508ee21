"""Refreshes the stable model by the clicks since its training: finds the model, reads, prunes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.config.options.releases import STABLE
from modules.copies.offered_items import list_state
from modules.copies.recent_clicks import RecentClicks, Source, read_recent_clicks
from modules.copies.restricted_model import CLICKS, EVENTS, UNTIL, read_restriction, trained_version
from modules.files.learned_data import read_learned
from modules.files.model_folder import learned_from
from modules.releases.record import read_releases
from modules.releases.versions import settle, version_numbers, withdrawn_folder
from modules.sessions.event_times import MS_PER_DAY, utc_text
from serving.click_refresh import ClickRefresh, ClickRefresher, ItemValues, Limits
from serving.pushed_models import NoModelError, newest_model

KEPT = 2
"""Refreshed versions of one training that stay: the one that serves, and the one before."""


class NothingToRefreshError(Exception):
    """There is nothing to do, or nothing may be done; the message says why."""


def refresh_stable(
    push_folder: Path,
    sources: Sequence[Source],
    since: int | None,
    limits: Limits,
    items: Path | None,
    values_of: ItemValues | None = None,
) -> ClickRefresh:
    """Pushes the newest trained model with the items of the clicks there are now.

    Args:
      push_folder: folder of all versions.
      sources: where clicks are.
      since: earlier clicks, in ms, are left out; None for those until the end of training.
      limits: what the new version must stay within.
      items: list of the recommendable items; None for the one that the stable version follows.
      values_of: returns features of new items, if the model learned any; None for none.

    Raises:
      NothingToRefreshError: there are no new clicks, or nothing may be pushed.
      NoModelError: no model has been pushed that can be refreshed.
      RefreshError: the new version would be worse than the trained model.
      SessionDataError: clicks cannot be read.
    """
    trained = newest_training(push_folder)
    check_releases(push_folder, trained)
    clicks = _read(trained, sources, since)
    stable = newest_model([push_folder])
    record = read_restriction(str(stable)) or {}
    offers = {"items": str(items)} if items else record
    if _is_done(record, offers.get("items"), trained, clicks):
        raise NothingToRefreshError(f"No click has come since the last refresh{_bad(clicks)}.")

    def check() -> None:
        if newest_training(push_folder) != trained:
            raise NothingToRefreshError("Nothing was pushed: a newer model was, meanwhile.")
        check_releases(push_folder, trained)

    done = ClickRefresher(trained, limits, values_of).refresh(clicks, push_folder, offers, check)
    prune(push_folder)
    return done


def newest_training(push_folder: Path) -> Path:
    """Returns the newest released version that clicks did not change, as it was trained.

    Raises:
      NoModelError: there is none.
    """
    newest_model([push_folder])  # says what is wrong with the folder
    releases = read_releases(str(push_folder))
    for number in sorted(version_numbers(str(push_folder)), reverse=True):
        folder = push_folder / str(number)
        is_there = (folder / "saved_model.pb").is_file() and releases.is_released(folder.name)
        if is_there and UNTIL not in (read_restriction(str(folder)) or {}):
            return Path(trained_version(str(folder)))
    raise NoModelError(
        f"{push_folder} has refreshed versions alone: the model as it was trained is gone. Train "
        "and push a new one."
    )


def check_releases(push_folder: Path, trained: Path) -> None:
    """Checks that a refresh of a model may be pushed.

    Raises:
      NothingToRefreshError: pushing is paused, a version is on trial, or a refresh was withdrawn.
    """
    releases = read_releases(str(push_folder))
    if releases.paused:
        raise NothingToRefreshError(
            f"Nothing was pushed: pushing was paused {releases.paused}. "
            "`session-retrieval releases resume` ends that."
        )
    if releases.canary and (push_folder / releases.canary).is_dir():
        raise NothingToRefreshError(
            f"Nothing was pushed: version {releases.canary} is on trial, and a version with a "
            "higher number would take its place. `session-retrieval releases promote` or "
            "`rollback` ends that."
        )
    training, aside = learned_from(str(trained)), Path(withdrawn_folder(str(push_folder)))
    for version, action in releases.last.items():
        if not releases.withdrawal(version) or action.training != training:
            continue
        records = (read_restriction(str(place / version)) for place in (aside, push_folder))
        record = next(filter(None, records), None)
        if record is None or UNTIL in record:
            raise NothingToRefreshError(
                f"Nothing was pushed: version {version}, a refresh of {trained.name}, was "
                f"withdrawn {action}. The next trained model is refreshed again."
            )


def prune(push_folder: Path) -> None:
    """Removes all but the last few of the versions that clicks made of each training."""
    names = map(str, version_numbers(str(push_folder)))
    labels = read_releases(str(push_folder)).labels(names)
    by_training: dict[str, list[str]] = {}
    for name in sorted(labels, key=int):
        record = read_restriction(str(push_folder / name)) or {}
        if UNTIL in record and labels[name] in (STABLE, ""):
            by_training.setdefault(str(record["base"]), []).append(name)
    for versions in by_training.values():
        for name in versions[:-KEPT]:
            shutil.rmtree(push_folder / name, ignore_errors=True)
    settle(str(push_folder))


def _is_done(
    record: Mapping[str, Any], items: str | None, trained: Path, clicks: RecentClicks
) -> bool:
    """Returns whether a version, by its record, has these clicks, and what a list has now."""
    return (
        Path(str(record.get("base"))).name == trained.name
        and record.get(CLICKS) == len(clicks.time)
        and record.get(EVENTS) == clicks.events
        and record.get(UNTIL) == int(clicks.time.max())
        and (items is None or list_state(items) == record.get("items_sha256"))
    )


def _read(trained: Path, sources: Sequence[Source], since: int | None) -> RecentClicks:
    """Reads the clicks since a model was trained."""
    if since is None:
        try:
            learned = read_learned(str(trained))
        except ValueError as error:
            raise NoModelError(f"{trained}: {error}") from error
        if learned is None:
            raise NoModelError(f"{trained} does not say until when it was trained: give --since.")
        since = learned.last_event + 1
    clicks = read_recent_clicks(sources, since, int(time.time() * 1000) + MS_PER_DAY)
    if not len(clicks.time):
        raise NothingToRefreshError(
            f"No click since {utc_text(since)}, until which {trained.name} was trained"
            f"{_bad(clicks)}. --since takes earlier ones."
        )
    return clicks


def _bad(clicks: RecentClicks) -> str:
    """Says how many bad rows there are, to end a sentence."""
    text = clicks.rejected_text()
    return f" ({text})" if text else ""
