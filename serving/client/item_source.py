"""Names and categories of items, from a pushed model's file or from `session-retrieval serve`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

from modules.items.item_names import (
    ItemNames,
    ItemNamesError,
    parse_item_names,
    read_if_there,
    read_item_names,
)
from serving.client.errors import ServerError
from serving.client.requests import Page, Transport
from serving.client.retries import Deadline

_NAMES, _ITEMS = "/items/names", "/items"
_OK, _UNCHANGED = 200, 304
_RENEWED_AFTER = 60.0  # seconds, at least, between two looks for names of another version
_ITEMS_AT_ONCE = 100  # of a URL


class ItemSource:
    """Keeps names and categories; may be used by several threads."""

    def __init__(self, transport: Transport, url: str, file: str | Path | None) -> None:
        """Reads the file.

        Args:
          transport: way to the server, which is used without a file.
          url: the server's, for messages.
          file: a pushed model's folder, or its file `assets.extra/items.json.gz`.

        Raises:
          ValueError: there are no names and categories in it.
        """
        self._transport, self._url = transport, url
        self._is_file = file is not None
        self._names = None if file is None else _read(file)
        self._version: str | None = None
        self._looked = 0.0

    def all(self, headers: Mapping[str, str], seconds: float, version: str | None) -> ItemNames:
        """Returns what is known of all items.

        Args:
          headers: of requests.
          seconds: time for a request.
          version: the version that answered last, None if that is not known. Those of another one
            are looked for again, but not before a minute has passed.

        Raises:
          ServerError: there is no file, and the server has none or does not answer.
        """
        if self._names is not None and not self._is_due(version):
            return self._names
        known = {"If-None-Match": f'"{self._version}"'} if self._names is not None else {}
        page = self._get(_NAMES, {**headers, **known}, seconds)
        self._looked = time.monotonic()  # also by an error, which is not to repeat each time
        if page is not None and page.status == _UNCHANGED and self._names is not None:
            return self._names
        if page is None or page.status != _OK:
            raise ServerError(
                f"{self._url} has no categories of items: give the client a pushed model's folder "
                "as `items`, or train with items.file and items.category_column.",
                None if page is None else page.status,
            )
        try:
            self._names, self._version = parse_item_names(page.content, _NAMES), page.version
        except ItemNamesError as error:
            raise ServerError(f"{self._url}: {error}") from error
        return self._names

    def of(self, item_ids: Sequence[str], headers: Mapping[str, str], seconds: float) -> ItemNames:
        """Returns what is known of some items; nothing where the server has no such answer.

        Raises:
          ServerError: the server does not answer.
        """
        if self._names is not None:
            return self.all(headers, seconds, None)
        names: dict[str, str] = {}
        categories: dict[str, Sequence[str]] = {}
        for page in self._pages_about(item_ids, headers, seconds):
            found = _described(page)
            names |= found.names
            categories |= found.categories
        return ItemNames(names, categories)

    def unknown(
        self, item_ids: Sequence[str], headers: Mapping[str, str], seconds: float
    ) -> list[str] | None:
        """Returns those of some items that the model does not know; None if the server cannot say.

        Raises:
          ServerError: the server does not answer.
        """
        known: set[str] = set()
        for page in self._pages_about(item_ids, headers, seconds):
            found = _known(page)
            if found is None:
                return None
            known |= found
        return [item for item in item_ids if item not in known]

    def at_hand(self) -> ItemNames | None:
        """Returns what is known of all items without a request; None if that is nothing yet."""
        return self._names

    def _is_due(self, version: str | None) -> bool:
        """Returns whether names and categories may be those of another version."""
        is_recent = time.monotonic() - self._looked <= _RENEWED_AFTER
        return not (self._is_file or is_recent or (version and version == self._version))

    def _pages_about(
        self, item_ids: Sequence[str], headers: Mapping[str, str], seconds: float
    ) -> Iterator[Page | None]:
        for start in range(0, len(item_ids), _ITEMS_AT_ONCE):
            query = urlencode([("is", item) for item in item_ids[start : start + _ITEMS_AT_ONCE]])
            yield self._get(f"{_ITEMS}?{query}", headers, seconds)

    def _get(self, path: str, headers: Mapping[str, str], seconds: float) -> Page | None:
        return self._transport.page(path, headers, Deadline(seconds))


def _read(file: str | Path) -> ItemNames:
    if os.path.isdir(file):
        names = read_item_names(file)
        if not names:
            raise ItemNamesError(f"{file} carries no names and categories of items.")
        return names
    content = read_if_there(str(file))
    if content is None:
        raise ItemNamesError(f"there is no file {file}")
    return parse_item_names(content, str(file))


def _known(page: Page | None) -> set[str] | None:
    """Returns the ids in an answer about some items; None if it is none."""
    if page is None or page.status != _OK:
        return None
    try:
        content = json.loads(page.content)
        return set(content["item_ids"]) if "names" in content else None  # a former server has none
    except (KeyError, TypeError, ValueError):
        return None


def _described(page: Page | None) -> ItemNames:
    """Reads the answer about some items; TensorFlow Serving and former servers have none."""
    if page is None or page.status != _OK:
        return ItemNames()
    try:
        content = json.loads(page.content)
        if not content["item_ids"]:
            return ItemNames()
        return parse_item_names(page.content, _ITEMS)
    except (ItemNamesError, KeyError, TypeError, ValueError):
        return ItemNames()
