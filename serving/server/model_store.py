"""Keeps the released models loaded, and switches to newer ones while serving requests.

A request keeps its model to the end, so a switch fails no request; the old model is freed when its
last request has ended, at the next look.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modules.config.options.releases import STABLE
from modules.items.item_names import ItemNames, ItemNamesError, read_item_names
from serving.pushed_models import SIGNATURE, known_items, load_model

_LOG = logging.getLogger(__name__)
_STOP_SECONDS = 5.0
Find = Callable[[], Mapping[str, Path]]


@dataclasses.dataclass(frozen=True, eq=False)
class ServedModel:
    """A loaded model that has been called.

    Attributes:
      folder: folder of the SavedModel; its name is the version if it is a number.
      signatures: functions by name.
      catalogue_size: number of items in the catalogue, 0 if unknown.
      item_ids: ids of known items, the most frequent first; empty if the model does not list them.
      known: the same ids as a set of UTF-8 bytes.
      names: names and categories of its items, none if it carries none.
    """

    folder: Path
    signatures: Mapping[str, Any]
    catalogue_size: int
    item_ids: tuple[str, ...]
    known: frozenset[bytes]
    _model: Any  # signatures do not keep alive what they read
    names: ItemNames = dataclasses.field(default_factory=ItemNames)

    @functools.cached_property
    def searched(self) -> tuple[str, ...]:
        """Ids and names of all items, casefolded, in the order of `item_ids`."""
        names = self.names
        if not names.names:
            return tuple(item.casefold() for item in self.item_ids)
        return tuple(f"{item}\n{names.name(item)}".casefold() for item in self.item_ids)

    @property
    def version(self) -> int:
        """Number of the push, 0 for a folder of another name."""
        return int(self.folder.name) if self.folder.name.isdecimal() else 0

    def specs(self, signature: str) -> dict[str, Any]:
        """Returns the TensorSpecs of a signature's inputs, by name."""
        return dict(sorted(self.signatures[signature].structured_input_signature[1].items()))


@dataclasses.dataclass(frozen=True)
class Served:
    """The models of one moment, by label."""

    models: Mapping[str, ServedModel]

    @property
    def stable(self) -> ServedModel:
        """The model that answers requests without a version or label."""
        return self.models[STABLE]

    def version(self, number: int) -> ServedModel | None:
        """Returns the model of a version; None if it is not loaded."""
        found = (model for model in self.models.values() if model.version == number)
        return next(found, None)

    def label(self, model: ServedModel) -> str:
        """Returns the label of a model, "" if it has none any more."""
        return next((label for label, found in self.models.items() if found is model), "")


def load(folder: Path) -> ServedModel:
    """Loads a model and calls it, since the first call of each signature is slow.

    Raises:
      NoModelError: the folder contains none, or one that cannot recommend.
    """
    import tensorflow as tf

    from modules.ann.recommender import catalogue_size
    from modules.serving.warmup_requests import replay_warmup_requests

    model = load_model(folder)
    model.signatures[SIGNATURE](item_ids=tf.constant([[""]]))
    replay_warmup_requests(str(folder), model.signatures)
    items = known_items(folder)
    known = frozenset(item.encode() for item in items)
    size, names = catalogue_size(model), _names(folder)
    return ServedModel(folder, model.signatures, size, items, known, model, names)


def _names(folder: Path) -> ItemNames:
    """Returns the names that a model carries; damaged ones are reported, since it works without."""
    try:
        return read_item_names(folder)
    except (ItemNamesError, OSError) as error:
        _LOG.warning("Items are shown without names: %s", error)
        return ItemNames()


class ModelStore:
    """Holds the models that answer requests; `watch` looks for newer ones."""

    def __init__(self, find: Find) -> None:
        """Loads the first models.

        Args:
          find: function that returns the folder of each model by its label; one is `stable`.

        Raises:
          NoModelError: there is no stable model.
        """
        self._find = find
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self._broken: dict[str, str] = {}
        self._failed: dict[Path, frozenset[tuple[str, int]]] = {}
        self._files: dict[Path, frozenset[tuple[str, int]]] = {}
        self._dropped: list[weakref.ref[ServedModel]] = []
        wanted = find()
        self.served = Served({STABLE: load(wanted[STABLE])})
        if len(wanted) > 1:
            self._look(is_start=True)

    @property
    def current(self) -> ServedModel:
        """The stable model."""
        return self.served.stable

    def refresh(self) -> bool:
        """Loads newer models if there are any; one that cannot be loaded changes nothing.

        Its files must be the same as at the last call, since a push copies file by file.

        Returns:
          Whether a model has changed.
        """
        has_changed = self._look(is_start=False)
        self._free()
        return has_changed

    def _free(self) -> None:
        """Frees dropped models whose calls have ended.

        They have references in circles, and Python looks for such garbage so seldom that several
        large models would be in memory.
        """
        used = [model for model in self._dropped if model() is not None]
        if len(used) < len(self._dropped):
            self._dropped = used
            gc.collect()

    def _look(self, is_start: bool) -> bool:
        try:
            wanted = self._find()
        except Exception as error:  # the push folder is being changed, or is not reachable
            self._warn("No released model was found", error)
            return False
        self._files = {at: files for at, files in self._files.items() if at in wanted.values()}
        models = {}
        for label, folder in wanted.items():
            model = self._loaded(folder) or self._load(folder, is_start)
            if model is None and label == STABLE:
                model = self.current
            if model is not None:
                models[label] = model
        before = self.served
        if models == before.models:
            return False
        self.served = Served(models)
        kept = {id(model) for model in models.values()}
        self._dropped += [weakref.ref(m) for m in before.models.values() if id(m) not in kept]
        for label, model in models.items():
            if before.models.get(label) is not model:
                _LOG.info("Serving %s as %s", model.folder, label)
        for label in before.models.keys() - models.keys():
            _LOG.info("No longer serving a model as %s", label)
        return True

    def _loaded(self, folder: Path) -> ServedModel | None:
        found = (model for model in self.served.models.values() if model.folder == folder)
        return next(found, None)

    def _load(self, folder: Path, is_start: bool) -> ServedModel | None:
        """Returns a new model; None if it is not complete yet, or cannot be loaded."""
        try:
            before, files = self._files.get(folder), _files(folder)
            self._files[folder] = files
            if not is_start and (before != files or self._failed.get(folder) == files):
                return None
        except OSError as error:  # it is being removed
            self._warn(f"{folder} is not served", error)
            return None
        try:
            model = load(folder)
        except Exception as error:  # half a push, a broken file: the old model stays
            self._warn(f"{folder} is not served", error)
            self._failed[folder] = files
            return None
        self._failed.pop(folder, None)
        return model

    def _warn(self, what: str, error: Exception) -> None:
        """Says what is wrong, unless it was the last thing said of it."""
        if self._broken.get(what) != str(error):
            _LOG.warning("%s: %s", what, error)
        self._broken[what] = str(error)

    def watch(self, seconds: float) -> None:
        """Starts a thread that refreshes until `close`."""

        def look() -> None:
            while not self._stop.wait(seconds):
                self.refresh()

        self._watcher = threading.Thread(target=look, name="model-watch", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Looks for no newer model any more; one that is being loaded is not waited for."""
        self._stop.set()

    def close(self) -> None:
        """Stops watching, and waits a while for a model that is being loaded."""
        self.stop()
        if self._watcher:
            self._watcher.join(_STOP_SECONDS)


def _files(folder: Path) -> frozenset[tuple[str, int]]:
    """Returns all files below a folder with their sizes."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return frozenset((str(file), file.stat().st_size) for file in files)
