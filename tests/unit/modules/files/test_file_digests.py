from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.files import file_digests
from modules.files.file_digests import FileDigest, damage, file_digest, folder_digests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "a").write_bytes(b"some bytes")
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"of an editor")
    return tmp_path


def test_an_unchanged_folder_is_intact(folder: Path) -> None:
    written = folder_digests(str(folder))
    assert sorted(written) == ["b", "part/a"]
    assert damage(str(folder), written) is None


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda folder: (folder / "part" / "a").unlink(), "part/a is missing"),
        (
            lambda folder: (folder / "part" / "a").write_bytes(b"some"),
            "part/a has 4 bytes instead of 10",
        ),
        (
            lambda folder: (folder / "part" / "a").write_bytes(b"some Bytes"),
            "part/a has changed since it was written",
        ),
    ],
)
def test_names_what_is_damaged(folder: Path, change: Callable[[Path], None], found: str) -> None:
    written = folder_digests(str(folder))
    change(folder)
    assert damage(str(folder), written) == found


def test_digests_are_the_same_after_json(folder: Path) -> None:
    written = folder_digests(str(folder))
    text = json.dumps(file_digests.as_json(written))
    assert file_digests.from_json(json.loads(text)) == written


@pytest.mark.parametrize("values", [[], {"a": 1}, {"a": {"bytes": 1}}, None])
def test_other_json_is_refused(values: object) -> None:
    with pytest.raises(ValueError, match="not a record"):
        file_digests.from_json(values)


@pytest.mark.parametrize("at", [0, -1, 3 << 20])
def test_a_large_file_is_known_by_its_ends_and_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Four blocks of 8 MiB are looked at here: the first, the last, and two between them."""
    monkeypatch.setattr(file_digests, "WHOLE_BYTES", 4 << 20)
    path = tmp_path / "large"
    content = bytearray(b"0123456789abcdef" * (8 << 16))
    path.write_bytes(content)
    before = file_digest(str(path))
    assert before.bytes == 8 << 20

    content[at] ^= 1
    path.write_bytes(content)
    assert file_digest(str(path)) != before


def test_a_digest_is_that_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert file_digest(str(tmp_path / "empty")) == FileDigest(0, empty)
