"""The digest of the templates and the style, by which TFX's cache sees an edit of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.report import templates


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(templates.FOLDER, tmp_path / "report")
    monkeypatch.setattr(templates, "FOLDER", tmp_path / "report")
    return tmp_path / "report"


def test_a_copy_elsewhere_has_the_same_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = templates.template_digest()
    shutil.copytree(templates.FOLDER, tmp_path / "report")
    monkeypatch.setattr(templates, "FOLDER", tmp_path / "report")
    assert templates.template_digest() == digest and len(digest) == 64


def test_every_template_and_the_style_count(copied: Path) -> None:
    digests = {templates.template_digest()}
    files = sorted([*copied.rglob("*.html"), copied / "style.css"])
    assert len(files) > 3
    for file in files:
        file.write_bytes(file.read_bytes() + b" ")
        digests.add(templates.template_digest())
    assert len(digests) == 1 + len(files)


def test_code_and_a_name_that_moves_content(copied: Path) -> None:
    digest = templates.template_digest()
    (copied / "page.py").write_bytes(b"EDITED = 1")  # other digests see it
    assert templates.template_digest() == digest
    first = min(copied.rglob("*.html"))
    first.rename(first.with_name("renamed.html"))
    assert templates.template_digest() != digest


def test_the_frame_has_the_style_and_both_themes() -> None:
    parts = templates.frame_parts()
    assert "--ink:" in parts["light"] and "--ink:" in parts["dark"]
    assert parts["light"] != parts["dark"] and ".tiles" in parts["style"]
