"""Whether a folder holds a model that can be loaded, before any is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from modules.ann.pq_index import INDEX_FOLDER
from serving.pushed_models import NoModelError, check_loadable, known_items, unknown_items


@pytest.mark.parametrize("name", ["saved_model.pb", f"{INDEX_FOLDER}/index.json"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / INDEX_FOLDER).mkdir(parents=True)
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to("gone")
    with pytest.raises(NoModelError, match=rf"{name} is a link to gone, which does not exist"):
        check_loadable(tmp_path)


@pytest.mark.parametrize("place", ["nowhere://bucket/7", "https://host.invalid/7"])
def test_a_place_that_cannot_be_read_is_named(place: str) -> None:
    with pytest.raises(NoModelError, match=rf"^{place}/saved_model\.pb.* cannot be "):
        check_loadable(place)


def test_a_model_is_found_wherever_tensorflow_opens_it() -> None:
    """Beam, which reads logs, has nothing to do with models, and does not know `ram://`."""
    tf.io.gfile.makedirs("ram://models/7")
    with pytest.raises(NoModelError, match="contains no SavedModel"):
        check_loadable("ram://models/7")
    with tf.io.gfile.GFile("ram://models/7/saved_model.pb", "wb") as file:
        file.write(b"x")
    check_loadable("ram://models/7")


def test_looking_for_a_model_at_a_uri_does_not_load_beam(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    code = (
        "import sys; from serving.pushed_models import check_loadable; "
        f"check_loadable('file://{tmp_path}'); sys.exit('apache_beam' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_known_items_are_listed_by_frequency(tmp_path: Path) -> None:
    assert known_items(tmp_path) == () and unknown_items(tmp_path, ["b"]) == []
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "item_ids.txt").write_bytes(b"b\na\xe2\x80\xa8c\n\xff\n")
    assert known_items(tmp_path) == ("b", "a\u2028c", "\ufffd")
    assert unknown_items(tmp_path, ["b", "x", "a"]) == ["x", "a"]
