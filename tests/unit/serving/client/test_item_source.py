"""Where a client gets names and categories from, and when it looks again."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest

from modules.items.item_names import ITEM_NAMES, ItemNames
from serving.client import item_source
from serving.client.errors import ServerError
from serving.client.item_source import ItemSource
from serving.client.requests import Page
from serving.client.retries import Deadline

NAMES = ItemNames({"a": "A"}, {"a": ("x",)})


class Pages:
    """Answers with pages in turn, and keeps what was requested."""

    def __init__(self, *pages: Page | None) -> None:
        self.pages, self.seen = list(pages), list[tuple[str, str | None]]()

    def page(self, path: str, headers: Mapping[str, str], deadline: Deadline) -> Page | None:
        self.seen.append((path, headers.get("If-None-Match")))
        return self.pages.pop(0)


def _page(version: str, names: ItemNames = NAMES, status: int = 200) -> Page:
    return Page(status, version, gzip.decompress(names.to_bytes()))


def _source(pages: Pages, file: Path | None = None) -> ItemSource:
    return ItemSource(pages, "http://shop", file)  # type: ignore[arg-type]


def test_a_file_needs_no_server(tmp_path: Path) -> None:
    place = tmp_path / ITEM_NAMES
    place.parent.mkdir()
    with pytest.raises(ValueError, match="carries no names"):
        _source(Pages(), tmp_path)
    place.write_bytes(NAMES.to_bytes())
    for file in (tmp_path, place):
        source = _source(Pages(), file)
        assert source.all({}, 1, "8") == source.of(["a"], {}, 1) == NAMES
    with pytest.raises(ValueError, match="there is no file"):
        _source(Pages(), tmp_path / "no")


def test_the_server_is_asked_again_after_a_push(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ItemNames({}, {"a": ("y",)})
    pages = Pages(_page("7"), Page(304, "7", b""), _page("8", other))
    source, now = _source(pages), [1000.0]
    monkeypatch.setattr(item_source.time, "monotonic", lambda: now[0])
    assert source.all({}, 1, "7") == source.all({}, 1, "7") == source.all({}, 1, None) == NAMES
    assert source.all({}, 1, "8") == NAMES and len(pages.seen) == 1  # too soon
    now[0] += 61
    assert source.all({}, 1, "8") == NAMES  # the other version is one on trial
    now[0] += 61
    assert source.all({}, 1, "8") == source.all({}, 1, "8") == other
    assert pages.seen == [("/items/names", None), *[("/items/names", '"7"')] * 2]


def test_names_of_some_items_are_renewed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    other = ItemNames({"a": "new"}, {"a": ("y",)})
    pages = Pages(_page("7"), _page("8", other), Page(304, "8", b""))
    source, now = _source(pages), [1000.0]
    monkeypatch.setattr(item_source.time, "monotonic", lambda: now[0])
    assert source.at_hand() is None
    assert source.all({}, 1, None) == source.of(["a"], {}, 1) == source.at_hand() == NAMES
    now[0] += 61
    assert source.of(["a"], {}, 1) == source.all({}, 1, None) == source.at_hand() == other
    now[0] += 61
    assert source.all({}, 1, None) == source.of(["a"], {}, 1) == other
    assert [seen for _, seen in pages.seen] == [None, '"7"', '"8"']


def test_a_server_that_is_away_is_not_called_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = Pages(_page("7"), Page(503, None, b""))
    source, now = _source(pages), [1000.0]
    monkeypatch.setattr(item_source.time, "monotonic", lambda: now[0])
    source.all({}, 1, "7")
    now[0] += 61
    with pytest.raises(ServerError):
        source.all({}, 1, "8")
    assert source.all({}, 1, "8") == NAMES


def test_unknown_items_are_those_that_the_answer_lacks() -> None:
    pages = Pages(Page(200, "7", b'{"item_ids": ["b"], "names": [""], "categories": [[]]}'))
    assert _source(pages).unknown(["a", "b", "c"], {}, 1) == ["a", "c"]
    many = [str(number) for number in range(101)]
    empty = b'{"item_ids": [], "names": [], "categories": []}'
    pages = Pages(*[Page(200, "7", empty)] * 2)
    assert _source(pages).unknown(many, {}, 1) == many
    for page in (None, Page(404, None, b"{}"), Page(200, "7", b'{"item_ids": ["a"]}')):
        assert _source(Pages(page)).unknown(["a"], {}, 1) is None


@pytest.mark.parametrize("page", [None, Page(404, None, b"{}")])
def test_a_server_without_categories_is_an_error(page: Page | None) -> None:
    with pytest.raises(ServerError, match="http://shop has no categories of items: give the"):
        _source(Pages(page)).all({}, 1, None)
    with pytest.raises(ServerError, match="http://shop: /items/names has no names"):
        _source(Pages(Page(200, "7", b"<html>"))).all({}, 1, None)


def test_some_items_are_described_by_the_servers_answer_about_them() -> None:
    pages = Pages(_page("7"))
    assert _source(pages).of(["a", "b c"], {}, 1) == NAMES
    assert pages.seen == [("/items?is=a&is=b+c", None)]
    for page in (None, Page(404, None, b"{}"), Page(200, "7", b'{"item_ids": ["a"]}')):
        assert not _source(Pages(page)).of(["a"], {}, 1)
