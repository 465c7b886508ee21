"""Executor of TFX's Pusher: no duplicates, days in order only, and the items of a list alone."""

from __future__ import annotations

import json
import os
import time
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tfx import types
from tfx.components.pusher import executor
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

from modules.array_types import BoolArray
from modules.config.fields import from_json
from modules.config.options.items import ItemOptions
from modules.copies.model_variables import OldModelError, Variables
from modules.copies.offered_items import Offer, OfferError, read_offer
from modules.copies.restricted_model import (
    UNTIL,
    is_of_standing_list,
    read_restriction,
    write_restricted,
)
from modules.daily.artifacts import day_of
from modules.daily.model_day import FILE as DAY_RECORD
from modules.daily.model_day import is_earlier, read_day, write_day
from modules.files.learned_data import read_learned
from modules.files.local_copies import copy_file, copy_folder
from modules.files.model_folder import (
    MANIFEST,
    RENEWAL_RECORD,
    SAVED_MODEL,
    is_same_training,
    known_items,
    learned_from,
    model_damage,
    write_manifest,
)
from modules.items.item_names import ITEM_NAMES, read_if_there
from modules.items.known_names import ITEMS, names_of
from modules.push_origin import A_REFRESH, AN_EARLIER_RUN, NOT_PUSHED, PUSHED_BY, THIS_RUN
from modules.releases.record import TRY, WITHDRAW, read_releases, record
from modules.releases.versions import (
    claim_version,
    newest_version,
    settle,
    usable_versions,
    withdrawn_folder,
)
from modules.serving.warmup_requests import replay_warmup_requests
from modules.sessions.event_times import utc_text
from modules.training import kept_weights

_DAY_SECONDS = 86_400


class PusherSettings(NamedTuple):
    """How models are pushed, from TFX's `custom_config`; a Pusher without one has the defaults.

    Attributes:
      in_order: for windows of days: a model of a past day is not pushed over one of a later day.
      is_canary: whether new versions are on trial until they are promoted.
      paused: when pushing was paused; for TFX's cache alone, since the record of releases counts.
      offer_file: list of the items that versions recommend, None for the whole catalogue.
      least_offered: share of the catalogue that the list must have.
      list_state: digest of the list; for TFX's cache alone, since the list itself counts.
      items: `ItemOptions` as JSON, which name the columns of the input `items`; "" without it.
    """

    in_order: bool = False
    is_canary: bool = False
    paused: str = ""
    offer_file: str | None = None
    least_offered: float = 0.5
    list_state: str = ""
    items: str = ""


class Executor(executor.Executor):
    """Pushes a blessed model unless the newest version is a copy of it, or it must not serve.

    The gate reruns once there is a last blessed model to compare with, and blesses the same model
    again; TFX would push a second copy. A version with a refreshed index counts as a copy: the
    original would restore withdrawn items. With a standing list (`offer_file`) a copy recommends
    what the list has now; else it is pushed again with these items.

    A model must not serve while pushing is paused, if it was rolled back from, if it is of a past
    day, or if the list is missing or too short (see `PusherSettings`); the output's property
    `not_pushed` says why.
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
        try:
            if reason := _why_not(model, day, folder, settings.in_order):
                raise NotPushedError(reason)
            before = _pushed_before(model, folder)
            is_new = _write_what_serves(model, before, pushed.uri, folder, settings)
            names = _names(input_dict, model, settings)
            if before and not is_new and _names_in(before) != names:
                copy_folder(before, pushed.uri, without=DAY_RECORD)
                is_new = True
            if is_new:
                _write_names(names, pushed.uri, learned_from(model))
        except (NotPushedError, OfferError, OldModelError) as error:
            self._say_why_not(pushed, _as_clause(str(error)))
            return
        version = before
        if version is None or is_new:
            version = _push(pushed.uri, claim_version(folder), day, settings.is_canary)
        settle(folder)
        pushed.set_string_custom_property(PUSHED_BY, THIS_RUN if is_new else _origin(version))
        _keep_weights(model, version)
        self._MarkPushed(
            pushed, pushed_destination=version, pushed_version=os.path.basename(version)
        )

    def _say_why_not(self, pushed: types.Artifact, reason: str) -> None:
        print(f"Not pushed: {reason}", flush=True)
        pushed.set_string_custom_property(NOT_PUSHED, reason)
        if fileio.exists(pushed.uri):
            fileio.rmtree(pushed.uri)  # a copy that failed its check
        fileio.makedirs(pushed.uri)
        self._MarkNotPushed(pushed)


def _as_clause(sentence: str) -> str:
    """Returns a sentence as it goes on after `since`."""
    return f"{sentence[:1].lower()}{sentence[1:].removesuffix('.')}"


class NotPushedError(Exception):
    """A blessed model must not be pushed; the message says why."""


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


def _write_what_serves(
    model: str, before: str | None, folder: str, push_folder: str, settings: PusherSettings
) -> bool:
    """Writes the model that serves into the output's folder; returns whether it is not pushed yet.

    Args:
      model: the model as it was trained.
      before: the version that is a copy of it, None without one.
      folder: folder of the output.
      push_folder: folder of all versions.
      settings: how it is pushed.

    Raises:
      NotPushedError: the model was withdrawn with this list.
      OfferError: the list cannot be used, or the restricted model fails its check.
      OldModelError: the model cannot be restricted.
    """
    if settings.offer_file is None:
        copy_folder(model, folder)
        return before is None
    variables = Variables(model)
    offer = read_offer(
        settings.offer_file, variables.ids, settings.least_offered, "serving.least_offered"
    )
    was = _offered_before(before, variables) if before else None
    if before and was is not None and _follows(before, was, offer):
        copy_folder(before, folder)
        return False
    if reason := _why_not_with(offer, learned_from(model), push_folder):
        raise NotPushedError(reason)
    if fileio.exists(folder):
        fileio.rmtree(folder)
    counts = write_restricted(
        model, variables, folder, offer, _load, base=before, was=was, is_standing=True
    )
    print(
        f"Offered: {counts.offered:,} of {counts.catalogue:,} items of the catalogue are in "
        f"{offer.items}; {counts.gone:,} fewer and {counts.back:,} more than before, "
        f"{counts.unknown:,} that the model does not know",
        flush=True,
    )
    return True


def _offered_before(before: str, variables: Variables) -> BoolArray:
    """Returns which items of a catalogue a version recommends, whatever more it knows."""
    others = Variables(before)
    offered = {*others.ids[others.recommendable()]}
    return np.array([item in offered for item in variables.ids], bool)


def _follows(before: str, was: BoolArray, offer: Offer) -> bool:
    """Returns whether a version recommends what a list has, with the items of clicks, if any."""
    record = read_restriction(before) or {}
    if UNTIL in record:
        return bool(record.get("items_sha256") == offer.digest)
    return bool(np.array_equal(was, offer.offered))


def _names(
    input_dict: dict[str, list[types.Artifact]], model: str, settings: PusherSettings
) -> bytes | None:
    """Returns the file with what a model carries of the items; None if that is nothing."""
    items = input_dict.get(ITEMS)
    if not items or not settings.items:
        return None
    options = from_json(ItemOptions, json.loads(settings.items))
    names = names_of(items[-1].uri, options, known_items(model))
    return names.to_bytes() if names else None


def _names_in(folder: str) -> bytes | None:
    return read_if_there(os.path.join(folder, ITEM_NAMES))


def _write_names(names: bytes | None, folder: str, learned: str) -> None:
    """Writes what a model carries of the items into its folder, and its manifest again.

    Args:
      names: content of the file; None for none.
      folder: folder of the model.
      learned: digest of what it was trained with.
    """
    if _names_in(folder) == names:
        return
    # The folder's files share their storage with those of other versions: new ones are written.
    for name in (ITEM_NAMES, MANIFEST):
        if fileio.exists(path := os.path.join(folder, name)):
            fileio.remove(path)
    if names is not None:
        fileio.makedirs(os.path.dirname(os.path.join(folder, ITEM_NAMES)))
        with fileio.open(os.path.join(folder, ITEM_NAMES), "wb") as file:
            file.write(names)
    write_manifest(folder, learned)


def _why_not_with(offer: Offer, training: str, push_folder: str) -> str | None:
    """Returns by what a model was withdrawn with the same list; None if it was not."""
    aside = withdrawn_folder(push_folder)
    for version, action in read_releases(push_folder).last.items():
        if action.name == WITHDRAW and action.training == training:
            record = read_restriction(os.path.join(aside, version)) or {}
            if record.get("items_sha256") == offer.digest:
                return f"version {version} of this model, with this list, was withdrawn {action}"
    return None


def _load(folder: str) -> Any:
    """Loads a model and calls it as a server will, with its warm-up requests."""
    model = tf.saved_model.load(folder)
    replay_warmup_requests(folder, model.signatures)
    return model


def _origin(version: str) -> str:
    is_refreshed = fileio.exists(os.path.join(version, RENEWAL_RECORD))
    return A_REFRESH if is_refreshed and not is_of_standing_list(version) else AN_EARLIER_RUN


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
