"""Executor of TFX's Pusher that pushes no duplicate, and days in order only."""

from __future__ import annotations

import json
import os
import time
from typing import Any, NamedTuple

from tfx import types
from tfx.components.pusher import executor
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from modules.daily.artifacts import day_of
from modules.daily.model_day import is_earlier, read_day, write_day
from modules.files.learned_data import read_learned
from modules.files.local_copies import copy_file, copy_folder
from modules.files.model_folder import (
    RENEWAL_RECORD,
    SAVED_MODEL,
    is_same_training,
    learned_from,
    model_damage,
)
from modules.push_origin import A_REFRESH, AN_EARLIER_RUN, NOT_PUSHED, PUSHED_BY, THIS_RUN
from modules.releases.record import TRY, read_releases, record
from modules.releases.versions import claim_version, newest_version, settle, usable_versions
from modules.sessions.event_times import utc_text
from modules.training import kept_weights

_DAY_SECONDS = 86_400


class PusherSettings(NamedTuple):
    """How models are pushed, from TFX's `custom_config`; a Pusher without one has the defaults.

    Attributes:
      in_order: for windows of days: a model of a past day is not pushed over one of a later day.
      is_canary: whether new versions are on trial until they are promoted.
      paused: when pushing was paused; for TFX's cache alone, since the record of releases counts.
    """

    in_order: bool = False
    is_canary: bool = False
    paused: str = ""


class Executor(executor.Executor):
    """Pushes a blessed model unless the newest version is a copy of it, or it must not serve.

    The gate reruns once there is a last blessed model to compare with, and blesses the same model
    again; TFX would push a second copy. A version with a refreshed index counts as a copy: the
    original would restore withdrawn items.

    A model must not serve while pushing is paused, if it was rolled back from, or if it is of a
    past day (see `PusherSettings`); the output's property `not_pushed` says why.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes a blessed model, or points to its existing version."""
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model, folder = self.GetModelPath(input_dict), _push_folder(exec_properties)
        day, settings = _day(input_dict), _settings(exec_properties)
        settle(folder)
        if reason := _why_not(model, day, folder, settings.in_order):
            print(f"Not pushed: {reason}", flush=True)
            pushed.set_string_custom_property(NOT_PUSHED, reason)
            self._MarkNotPushed(pushed)
            return
        before = _pushed_before(model, folder)
        version = before or _push(model, claim_version(folder), day, settings.is_canary)
        settle(folder)
        pushed.set_string_custom_property(PUSHED_BY, _origin(version) if before else THIS_RUN)
        _keep_weights(model, version)
        copy_folder(model, pushed.uri)
        self._MarkPushed(
            pushed, pushed_destination=version, pushed_version=os.path.basename(version)
        )


def _settings(exec_properties: dict[str, Any]) -> PusherSettings:
    text = exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY)
    given = json.loads(text or "null") or {}
    return PusherSettings(**{k: v for k, v in given.items() if k in PusherSettings._fields})


def _why_not(model: str, day: str | None, folder: str, in_order: bool) -> str | None:
    """Returns why a blessed model must not be pushed; None if it may."""
    releases, training = read_releases(folder), learned_from(model)
    if releases.paused:
        return f"pushing was paused {releases.paused}"
    withdrawal = releases.withdrawn_training(training)
    # A refreshed version of a model that still serves may have been withdrawn.
    if withdrawal and not any(learned_from(found) == training for found in usable_versions(folder)):
        return f"version {withdrawal.version} of this model was withdrawn {withdrawal}"
    return _is_of_the_past(model, day, folder) if in_order else None


def _day(input_dict: dict[str, list[types.Artifact]]) -> str | None:
    """Returns the day that the model was blessed on; None without a window of days."""
    blessings = input_dict.get(standard_component_specs.MODEL_BLESSING_KEY)
    return day_of(blessings[-1]) if blessings else None


def _is_of_the_past(model: str, day: str | None, folder: str) -> str | None:
    """Returns why a model is older than the newest version; None if it is not, or is unknown."""
    newest = next(usable_versions(folder), None)
    if newest is None:
        return None
    serves = f"version {os.path.basename(newest)} serves, which "
    day_of_newest = read_day(newest)
    if (is_past := is_earlier(day, day_of_newest)) is not None:
        return f"{serves}is of {day_of_newest}; this model is of {day}" if is_past else None
    learned, serving = read_learned(model), read_learned(newest)
    if learned is None or serving is None or learned.last_start >= serving.last_start:
        return None
    if serving.last_start > (time.time() + _DAY_SECONDS) * 1000:
        # One session with a wrong clock would otherwise keep all later models back.
        until = utc_text(serving.last_start)
        print(f"{newest} learned a session of the future, {until}: its day is unknown", flush=True)
        return None
    return (
        f"{serves}learned sessions until {utc_text(serving.last_start)}; this model learned them "
        f"until {utc_text(learned.last_start)} only"
    )


def _push_folder(exec_properties: dict[str, Any]) -> str:
    destination = pusher_pb2.PushDestination()
    text = exec_properties[standard_component_specs.PUSH_DESTINATION_KEY]
    proto_utils.json_to_proto(text, destination)
    return str(destination.filesystem.base_directory)


def _pushed_before(model: str, folder: str) -> str | None:
    """Returns the newest version if it is an intact copy of this model."""
    newest = newest_version(folder)
    if newest and (damage := model_damage(newest)):
        print(f"{newest} is damaged, {damage}", flush=True)
        return None
    return newest if newest and is_same_training(model, newest) else None


def _origin(version: str) -> str:
    is_refreshed = fileio.exists(os.path.join(version, RENEWAL_RECORD))
    return A_REFRESH if is_refreshed else AN_EARLIER_RUN


def _keep_weights(model: str, version: str) -> None:
    """Keeps the weights of a pushed model for later models to start from, if Trainer left them."""
    source, place = kept_weights.beside(model), kept_weights.place_of(version)
    if place is None or not fileio.exists(source) or kept_weights.damage_of(place) is None:
        return
    copy_folder(source, place)
    for folder in kept_weights.outdated(os.path.dirname(version)):
        fileio.rmtree(folder)


def _push(model: str, version: str, day: str | None, is_canary: bool) -> str:
    """Copies a model to a new version and returns it; the graph, which servers await, last."""
    if is_canary:
        folder, name = os.path.split(version)
        record(folder, TRY, name, learned_from(model), by="Pusher")
    copy_folder(model, version, without=SAVED_MODEL)
    if day:
        write_day(version, day)
    copy_file(os.path.join(model, SAVED_MODEL), os.path.join(version, SAVED_MODEL))
    return version
