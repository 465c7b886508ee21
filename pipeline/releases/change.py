"""Changes of which pushed versions serve, in the folders of the models and of their indexes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from modules.config.options.releases import CANARY, STABLE
from modules.files.model_folder import learned_from, model_damage
from modules.releases import record as records
from modules.releases.record import PAUSE, PROMOTE, RESUME, TRY, WITHDRAW
from modules.releases.versions import settle, version_numbers, withdrawn_folder
from pipeline.paths import Paths


class ReleaseError(Exception):
    """Versions cannot be changed as wanted; the message says why."""


def _before(stable: str | None, released: Sequence[str]) -> str:
    """Returns the released version before the stable one.

    Raises:
      ReleaseError: there is none.
    """
    before = [name for name in released if stable and int(name) < int(stable)]
    if not before:
        raise ReleaseError("There is no version before the stable one to roll back to.")
    return before[-1]


class Writer:
    """Records what one person does to the releases of an output folder."""

    def __init__(self, out: Path, by: str, why: str) -> None:
        """Takes an output folder, the person's name, and the reason for what follows.

        Raises:
          ReleaseError: nothing was pushed there.
        """
        paths = Paths.under(out)
        self._pushed, self._indexes = paths.push_folder, paths.index_push_folder
        self._by, self._why = by, why
        if not _there(self._pushed):
            raise ReleaseError(f"Nothing has been pushed to {self._pushed} yet.")

    def rollback(self, version: str | None) -> list[str]:
        """Ends a trial, or makes an earlier version the stable one.

        What is after the version, released or on trial, is withdrawn.

        Args:
          version: the version; None for the stable one while another is on trial, else for the one
            before the stable one.

        Returns:
          The withdrawn versions.

        Raises:
          ReleaseError: there is none, or it is damaged, or nothing would change.
        """
        labels = self._labels()
        stable, canary = (_version_of(label, labels) for label in (STABLE, CANARY))
        released = [name for name, label in labels.items() if label in (STABLE, "")]
        if version is None and canary:
            withdrawn = [canary]
        else:
            version = version or _before(stable, released)
            self._check(version, labels)
            if stable and int(version) > int(stable):
                raise ReleaseError(
                    f"Version {version} is newer than {stable}, which is stable: `promote` makes "
                    "it stable, and `rollback` without a version ends a trial."
                )
            served = [*released, *([canary] if canary else [])]
            withdrawn = [name for name in served if int(name) > int(version)]
            if not withdrawn and version in released:
                raise ReleaseError(f"Version {version} is the stable one already.")
            if version not in released:
                self._record(PROMOTE, version)
        for name in sorted(withdrawn, key=int):
            self._record(WITHDRAW, name)
        self._settle()
        return withdrawn

    def promote(self, version: str | None) -> str:
        """Makes a version that is on trial, was held or withdrawn, the stable one; returns it.

        Args:
          version: the version; None for the one on trial.

        Raises:
          ReleaseError: there is none, it is damaged or released, or a newer one would hide it.
        """
        labels = self._labels()
        version = version or _version_of(CANARY, labels)
        if version is None:
            raise ReleaseError("No version is on trial: name the version to promote.")
        self._check(version, labels)
        stable = _version_of(STABLE, labels)
        if labels[version] in (STABLE, ""):
            raise ReleaseError(f"Version {version} is released already.")
        if stable and int(stable) > int(version):
            raise ReleaseError(
                f"Version {stable}, which is stable, is newer and would go on to serve: "
                f"`session-retrieval releases rollback {version}` withdraws it."
            )
        self._record(PROMOTE, version)
        self._settle()
        return version

    def try_out(self, version: str | None) -> str:
        """Puts a version on trial, and returns it.

        Args:
          version: the version; None for the newest.

        Raises:
          ReleaseError: it is missing or damaged, or is the only released one.
        """
        labels = self._labels()
        version = version or next(reversed(labels))
        self._check(version, labels)
        if labels[version] == CANARY:
            raise ReleaseError(f"Version {version} is on trial already.")
        if [name for name, label in labels.items() if label in (STABLE, "")] == [version]:
            raise ReleaseError(f"Version {version} is the only released one: nothing would serve.")
        self._record(TRY, version)
        self._settle()
        return version

    def pause(self) -> list[str]:
        """Keeps new models from being pushed; returns no version."""
        return self._record_pushing(PAUSE)

    def resume(self) -> list[str]:
        """Lets new models be pushed again; returns no version.

        Raises:
          ReleaseError: pushing is not paused.
        """
        if records.read_releases(self._pushed).paused is None:
            raise ReleaseError("Pushing is not paused.")
        return self._record_pushing(RESUME)

    def _labels(self) -> dict[str, str]:
        return records.read_releases(self._pushed).labels(_there(self._pushed))

    def _check(self, version: str, labels: Iterable[str]) -> None:
        if version not in labels:
            raise ReleaseError(
                f"{self._pushed} has no version {version}; there are {', '.join(labels)}."
            )
        if damage := model_damage(place_of(self._pushed, version)):
            raise ReleaseError(f"Version {version} cannot be served: {damage}.")

    def _record(self, name: str, version: str) -> None:
        training = learned_from(place_of(self._pushed, version))
        records.record(self._pushed, name, version, training, self._by, self._why)
        following = [int(other) for other in _there(self._pushed) if int(other) > int(version)]
        for index in _there(self._indexes):
            # A run pushes the index after its model.
            if int(version) <= int(index) < min(following, default=int(index) + 1):
                training = learned_from(place_of(self._indexes, index))
                records.record(self._indexes, name, index, training, self._by, self._why)

    def _record_pushing(self, name: str) -> list[str]:
        for folder in (self._pushed, self._indexes):
            records.record(folder, name, by=self._by, why=self._why)
        return []

    def _settle(self) -> None:
        for folder in (self._pushed, self._indexes):
            settle(folder)


def place_of(push_folder: str, version: str) -> str:
    """Returns the folder of a version, be it withdrawn or not."""
    place = os.path.join(push_folder, version)
    return place if os.path.exists(place) else os.path.join(withdrawn_folder(push_folder), version)


def _there(push_folder: str) -> Sequence[str]:
    """Returns all versions, the oldest first."""
    aside = withdrawn_folder(push_folder)
    return [
        *map(str, sorted({*version_numbers(push_folder), *version_numbers(aside)})),
    ]


def _version_of(label: str, labels: dict[str, str]) -> str | None:
    return next((name for name, found in labels.items() if found == label), None)
