"""Keeps the newest pushed model loaded, and switches to a newer one while serving requests.

A request keeps its model to the end, so a switch fails no request; the old model is freed when its
last request ends.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from serving.pushed_models import SIGNATURE, known_items, load_model

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A loaded model that has been called.

    Attributes:
      folder: folder of the SavedModel; its name is the version if it is a number.
      signatures: functions by name.
      catalogue_size: number of items in the catalogue, 0 if unknown.
      item_ids: ids of known items, the most frequent first; empty if the model does not list them.
      known: the same ids as a set.
    """

    folder: Path
    signatures: Mapping[str, Any]
    catalogue_size: int
    item_ids: tuple[str, ...]
    known: frozenset[str]
    _model: Any  # signatures do not keep alive what they read

    @property
    def version(self) -> int:
        """Number of the push, 0 for a folder of another name."""
        return int(self.folder.name) if self.folder.name.isdecimal() else 0


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
    return ServedModel(
        folder, model.signatures, catalogue_size(model), items, frozenset(items), model
    )


class ModelStore:
    """Holds the model that answers requests; `watch` looks for newer ones."""

    def __init__(self, find: Callable[[], Path]) -> None:
        """Loads the first model.

        Args:
          find: function that returns the folder of the newest model.

        Raises:
          NoModelError: there is none.
        """
        self._find = find
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self._broken: Path | None = None
        self._files: frozenset[tuple[str, int]] = frozenset()
        self.current = load(find())

    def refresh(self) -> bool:
        """Loads a newer model if there is one; one that cannot be loaded changes nothing.

        Its files must be the same as at the last call, since a push copies file by file.

        Returns:
          Whether the model has changed.
        """
        folder = self.current.folder
        try:
            folder = self._find()
            if folder == self.current.folder:
                return False
            before, self._files = self._files, _files(folder)
            if before != self._files:
                return False
            self.current = load(folder)
        except Exception as error:  # half a push, a broken file: the old model stays
            if folder != self._broken:
                _LOG.warning("%s is not served: %s", folder, error)
            self._broken = folder
            return False
        _LOG.info("Serving %s", folder)
        return True

    def watch(self, seconds: float) -> None:
        """Starts a thread that refreshes until `close`."""

        def look() -> None:
            while not self._stop.wait(seconds):
                self.refresh()

        self._watcher = threading.Thread(target=look, name="model-watch", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Stops watching."""
        self._stop.set()
        if self._watcher:
            self._watcher.join()


def _files(folder: Path) -> frozenset[tuple[str, int]]:
    """Returns all files below a folder with their sizes."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return frozenset((str(file), file.stat().st_size) for file in files)
