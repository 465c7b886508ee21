"""Which pushed versions are released: a record that only grows, beside the push folder.

Every action is a file of its own that is written once, so that writers on several machines lose
nothing of each other on any file system, object stores included. The state is what the actions add
up to in the order of their names: the UTC time, to the microsecond, and a random number.

A version with no action is released. The newest released one is the stable version: servers load
it, and the gate compares with it.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import uuid
from collections.abc import Iterable
from typing import Any

from modules.config.options.releases import CANARY, HELD, STABLE, WITHDRAWN
from modules.files.file_systems import place_of, tensorflow_schemes

TRY, PROMOTE, WITHDRAW, PAUSE, RESUME = "try", "promote", "withdraw", "pause", "resume"
_OF_VERSIONS, _OF_PUSHING = {TRY, PROMOTE, WITHDRAW}, {PAUSE, RESUME}
EARLIEST_TIME = 1_400_000_000
"""Versions above it, of 2014, are named by the time of their push, in seconds since 1970."""
_TIME = "%Y%m%dT%H%M%S.%fZ"


@dataclasses.dataclass(frozen=True)
class Action:
    """What someone did.

    Attributes:
      name: one of the names above.
      version: the version, "" for pausing and resuming.
      training: digest of what the version was trained with, "" if it is unknown.
      time: UTC, as ISO text.
      by: who did it.
      why: the reason, in their words.
    """

    name: str
    version: str
    training: str
    time: str
    by: str
    why: str

    def __str__(self) -> str:
        """Says who did it, when and why.

        >>> str(Action("withdraw", "7", "", "2015-09-11T08:00:00Z", "ann", "slow"))
        'by ann on 2015-09-11T08:00:00Z: slow'
        """
        return f"by {self.by} on {self.time}" + (f": {self.why}" if self.why else "")


@dataclasses.dataclass(frozen=True)
class Releases:
    """What the actions add up to.

    Attributes:
      last: the last action of each version that has any.
      canary: the version on trial, None without one.
      paused: the action that paused pushing, None while it is not.
      unreadable: names of files that are no actions.
    """

    last: dict[str, Action]
    canary: str | None
    paused: Action | None
    unreadable: tuple[str, ...] = ()

    def is_released(self, version: str) -> bool:
        """Returns whether servers may load a version as the stable one."""
        return version not in self.last or self.last[version].name == PROMOTE

    def withdrawal(self, version: str) -> Action | None:
        """Returns by what a version was withdrawn; None if it is not."""
        action = self.last.get(version)
        return action if action and action.name == WITHDRAW else None

    def withdrawn_training(self, digest: str) -> Action | None:
        """Returns by what the last withdrawn version of a training was; None if none was."""
        found = (action for action in reversed(self.last.values()) if action.name == WITHDRAW)
        return next((action for action in found if digest and action.training == digest), None)

    def labels(self, versions: Iterable[str]) -> dict[str, str]:
        """Returns the labels of versions that are there, "" for an older released one."""
        names = sorted(versions, key=int)
        stable = next((name for name in reversed(names) if self.is_released(name)), None)
        return {name: STABLE if name == stable else self._label(name) for name in names}

    def _label(self, version: str) -> str:
        if self.is_released(version):
            return ""
        if self.withdrawal(version):
            return WITHDRAWN
        return CANARY if version == self.canary else HELD


def folder_of(push_folder: str) -> str:
    """Returns the folder of the actions."""
    return f"{push_folder.rstrip('/')}_releases"


def read_releases(push_folder: str) -> Releases:
    """Returns the state; files that are no actions are named and left out."""
    actions, unreadable = read_actions(push_folder)
    last: dict[str, Action] = {}
    canary, paused = None, None
    for action in actions:
        if action.name in _OF_PUSHING:
            paused = action if action.name == PAUSE else None
            continue
        last.pop(action.version, None)  # so that the order is that of the last actions
        last[action.version] = action
        if action.name == TRY:
            canary = action.version
        elif canary == action.version:
            canary = None
    return Releases(last, canary, paused, tuple(unreadable))


def read_actions(push_folder: str) -> tuple[list[Action], list[str]]:
    """Returns all actions, the earliest first, and the names of files that are none."""
    folder, actions, unreadable = folder_of(push_folder), [], []
    place = place_of(folder, tensorflow_schemes)
    names = place.names(folder) if place.is_folder(folder) else []
    errors: tuple[type[Exception], ...] = (ValueError, TypeError, RecursionError, *place.errors)
    for name in sorted(names):
        if not name.endswith(".json"):
            continue
        try:
            actions.append(_action(json.loads(place.read_text(os.path.join(folder, name)))))
        except errors:
            unreadable.append(name)
    return actions, unreadable


def _action(content: Any) -> Action:
    action = Action(**content)
    values = dataclasses.astuple(action)
    is_known = action.name in _OF_VERSIONS | _OF_PUSHING
    if not is_known or not all(isinstance(value, str) for value in values):
        raise ValueError("not an action")
    if action.name in _OF_VERSIONS:
        int(action.version)
    return action


def record(
    push_folder: str, name: str, version: str = "", training: str = "", by: str = "", why: str = ""
) -> Action:
    """Adds an action.

    Args:
      push_folder: folder of all versions.
      name: name of the action.
      version: the version that it is about, "" for pausing and resuming.
      training: digest of what the version was trained with.
      by: who does it.
      why: the reason.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    action = Action(name, version, training, now.strftime("%Y-%m-%dT%H:%M:%SZ"), by, why)
    folder = folder_of(push_folder)
    path = os.path.join(folder, f"{now.strftime(_TIME)}-{uuid.uuid4().hex[:8]}.json")
    text = json.dumps(dataclasses.asdict(action)) + "\n"
    place_of(folder, tensorflow_schemes).write_text(path, text)
    return action
