"""What a pushed model carries of items."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from modules.items.item_names import (
    ITEM_NAMES,
    ItemNames,
    ItemNamesError,
    parse_item_names,
    read_item_names,
)
from tests import file_uris
from tests.documents import PROJECT

NAMES = ItemNames({"b": "Schön", "a": "Hut"}, {"b": ("x", "y"), "c": ("y",)})


def test_what_is_written_is_read_in_the_same_order() -> None:
    content = NAMES.to_bytes()
    assert content == NAMES.to_bytes()  # so that an unchanged file is no new push
    found = parse_item_names(content, "f")
    assert found == NAMES
    assert list(found.categories) == ["b", "c"]
    assert parse_item_names(gzip.decompress(content), "f") == NAMES
    assert (found.name("c"), found.category("a"), len(found)) == ("", (), 2)


def test_items_of_categories() -> None:
    assert NAMES.of_category(["y"]) == ["b", "c"]
    assert NAMES.of_category(["x", "no"]) == ["b"]
    assert NAMES.of_category([]) == []
    assert NAMES.all_categories() == {"x", "y"}


def test_a_model_without_the_file_has_none(tmp_path: Path) -> None:
    assert not read_item_names(tmp_path)
    file = tmp_path / ITEM_NAMES
    file.parent.mkdir()
    file.write_bytes(NAMES.to_bytes())
    assert read_item_names(tmp_path) == NAMES
    assert read_item_names(file_uris.uri(tmp_path)) == NAMES
    assert not read_item_names(file_uris.uri(tmp_path / "no"))


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"{", NAMES.to_bytes()[:-5], b"\x1f\x8b", b"\xff"),
        json.dumps({"item_ids": ["a"], "names": [], "categories": []}).encode(),
        json.dumps({"item_ids": ["a"], "names": [1], "categories": [[]]}).encode(),
        json.dumps({"item_ids": ["a"], "names": [""], "categories": ["x"]}).encode(),
    ],
)
def test_other_files_are_refused_by_name(content: bytes) -> None:
    with pytest.raises(ItemNamesError, match=r"^/m/f has no names and categories"):
        parse_item_names(content, "/m/f")


def test_clients_read_it_without_tensorflow_and_pyarrow() -> None:
    program = (
        "import sys, modules.items.item_names, serving.client\n"
        "assert not {'tensorflow', 'pyarrow', 'apache_beam'} & {*sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=PROJECT, timeout=60)
