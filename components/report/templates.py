"""The page's templates and its style."""

from __future__ import annotations

import hashlib
from pathlib import Path

import markupsafe

from components.report import svg

FOLDER = Path(__file__).resolve().parent


def template_digest() -> str:
    """Returns a SHA-256 of the templates and the style, which no digest of Python code sees."""
    digest = hashlib.sha256()
    for file in sorted([*FOLDER.glob("*.html"), FOLDER / "style.css"]):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(FOLDER)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def frame_parts() -> dict[str, markupsafe.Markup]:
    """Returns what `frame.html`, the frame of every page, shows: the style and its two themes."""
    return {
        "style": markupsafe.Markup((FOLDER / "style.css").read_text("utf-8")),
        "light": markupsafe.Markup(svg.theme(svg.LIGHT)),
        "dark": markupsafe.Markup(svg.theme(svg.DARK)),
    }
