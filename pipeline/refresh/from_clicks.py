"""Refreshes the stable model by the clicks since its training: finds the model, reads, prunes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modules.config.options.releases import CANARY, STABLE
from modules.config.options.sessions import SessionOptions
from modules.copies.recent_clicks import RecentClicks, read_recent_clicks
from modules.copies.restricted_model import UNTIL, read_restriction, trained_version
from modules.files.learned_data import read_learned
from modules.releases.record import read_releases
from modules.releases.versions import settle, version_numbers, withdrawn_folder
from modules.sessions.event_times import MS_PER_DAY, utc_text
from serving.click_refresh import ClickRefresh, ClickRefresher, Limits
from serving.pushed_models import newest_model

KEPT = 2
"""Refreshed versions of one training that stay: the one that serves, and the one before."""


class NothingToRefreshError(Exception):
    """There is nothing to do, or nothing may be done; the message says why."""


class Refreshes:
    """Refreshes of the models of one push folder; a base stays loaded from one to the next."""

    def __init__(
        self,
        push_folder: Path,
        sources: Sequence[tuple[str, SessionOptions]],
        since: int | None,
        limits: Limits,
        items: Path | None,
    ) -> None:
        """Keeps what refreshes are made of.

        Args:
          push_folder: folder of all versions.
          sources: absolute paths, patterns or URIs of clicks, each with how its rows are read.
          since: earlier clicks, in ms, are left out; None for those until the end of training.
          limits: what refreshes must stay within.
          items: list of the recommendable items; None for the one that the stable version follows.
        """
        self._push_folder, self._sources, self._since = push_folder, sources, since
        self._limits, self._items = limits, items
        self._refresher: ClickRefresher | None = None
        self._done: tuple[Path, int, int] | None = None  # base, clicks, and the newest of them

    def refresh(self) -> ClickRefresh:
        """Pushes a version with the items of the clicks there are now.

        Raises:
          NothingToRefreshError: there are no new clicks, or pushing is paused.
          NoModelError: no model has been pushed that can be refreshed.
          RefreshError: the new version would be worse than its base.
          SessionDataError: clicks cannot be read.
        """
        stable = newest_model([self._push_folder])
        base = Path(trained_version(str(stable)))
        self._check_releases(base)
        clicks = self._read(base)
        done = (base, len(clicks.time), int(clicks.time.max()))
        if done == self._done:
            raise NothingToRefreshError("No click has come since the last refresh.")
        if self._refresher is None or self._refresher.base != base:
            self._refresher = ClickRefresher(base, self._limits)
        offers = {"items": str(self._items)} if self._items else read_restriction(str(stable)) or {}
        found = self._refresher.refresh(clicks, self._push_folder, offers)
        self._done = done
        return found

    def prune(self) -> None:
        """Removes all but the last few of the refreshed versions of each training."""
        by_base: dict[str, list[Path]] = {}
        labels = read_releases(str(self._push_folder)).labels(
            map(str, version_numbers(str(self._push_folder)))
        )
        for name in sorted(labels, key=int):
            folder = self._push_folder / name
            record = read_restriction(str(folder)) or {}
            if UNTIL in record and labels[name] not in (STABLE, CANARY):
                by_base.setdefault(str(record["base"]), []).append(folder)
        for versions in by_base.values():
            for folder in versions[: -(KEPT - 1)]:
                shutil.rmtree(folder)
        settle(str(self._push_folder))

    def _check_releases(self, base: Path) -> None:
        releases = read_releases(str(self._push_folder))
        if releases.paused:
            raise NothingToRefreshError(
                f"Nothing was pushed: pushing was paused {releases.paused}. "
                "`session-retrieval releases resume` ends that."
            )
        aside = withdrawn_folder(str(self._push_folder))
        for version, action in releases.last.items():
            record: Mapping[str, Any] = {}
            if releases.withdrawal(version):
                record = read_restriction(str(Path(aside, version))) or {}
            if UNTIL in record and Path(str(record["base"])).name == base.name:
                raise NothingToRefreshError(
                    f"Nothing was pushed: version {version}, a refresh of {base.name}, was "
                    f"withdrawn {action}. The next trained model is refreshed again."
                )

    def _read(self, base: Path) -> RecentClicks:
        """Reads the clicks since a model was trained."""
        since = self._since
        if since is None:
            learned = read_learned(str(base))
            since = learned.last_event + 1 if learned else 0
        until = int(time.time() * 1000) + MS_PER_DAY
        clicks = read_recent_clicks(self._sources, since, until)
        if not len(clicks.time):
            bad = sum(clicks.rejected.values())
            raise NothingToRefreshError(
                f"No click since {utc_text(since)}, until which {base.name} was trained"
                + (f"; {bad:,} bad rows" if bad else "")
                + ". --since takes earlier ones."
            )
        return clicks
