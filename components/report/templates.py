"""The page's templates and its style."""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def template_digest() -> str:
    """Returns a SHA-256 of the templates and the style, which no digest of Python code sees."""
    digest = hashlib.sha256()
    for file in sorted([*FOLDER.glob("*.html"), FOLDER / "style.css"]):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(FOLDER)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
