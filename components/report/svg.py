"""Fits matplotlib's SVG into a page: colours of the page's theme, ids of its own."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

# A chart is drawn in these colours, which no other place uses; each stands for a CSS variable.
COLOURS: Mapping[str, str] = {
    "ink": "#010203",
    "muted": "#010204",
    "grid": "#010205",
    "candidate": "#010206",
    "last-blessed": "#010207",
    "baseline": "#010208",
    "second": "#010209",
    "third": "#01020a",
    "good": "#01020b",
    "bad": "#01020c",
}
LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1b2430",
    "muted": "#55606e",
    "grid": "#dde2e8",
    "candidate": "#1d5fbf",
    "last-blessed": "#a85a00",
    "baseline": "#7d8a99",
    "second": "#b4540a",
    "third": "#0b7a68",
    "good": "#0b6b3a",
    "bad": "#b3261e",
}
DARK: Mapping[str, str] = {
    "paper": "#171c23",
    "ink": "#e8ecf1",
    "muted": "#a7b1bd",
    "grid": "#333c48",
    "candidate": "#74aaff",
    "last-blessed": "#f0b04f",
    "baseline": "#8793a1",
    "second": "#f29a58",
    "third": "#48cdb4",
    "good": "#5ed39a",
    "bad": "#ff8f85",
}

_PROLOGUE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'<svg ([^>]*?)width="[\d.]+pt" height="[\d.]+pt"|<svg ')
_ID = re.compile(r'\bid="([^"]+)"')
_REFERENCE = re.compile(r'(href="#|url\(#)([^")]+)')


def inline(text: str, name: str, description: str) -> str:
    """Returns an SVG to be put into a page.

    Args:
      text: a file that matplotlib wrote, in `COLOURS`.
      name: prefix of all ids, so that those of two charts differ.
      description: what the chart shows, for screen readers.
    """
    text = _METADATA.sub("", _PROLOGUE.sub("", text))
    text = _ID.sub(rf'id="{name}-\1"', text)
    text = _REFERENCE.sub(rf"\1{name}-\2", text)
    for colour, drawn in COLOURS.items():
        text = text.replace(drawn, f"var(--{colour})")
    label = f'role="img" aria-label="{html.escape(description)}" '
    return _SIZE.sub(lambda found: f"<svg {label}{found.group(1) or ''}", text, count=1).strip()


def theme(colours: Mapping[str, str]) -> str:
    """Returns CSS declarations of a theme's variables.

    >>> theme({"ink": "#000000"})
    '--ink: #000000;'
    """
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def standalone(inlined: str) -> str:
    """Returns a file of its own from what `inline` made, light or dark as its viewer prefers."""
    style = (
        f"<style>svg {{ {theme(LIGHT)} background: var(--paper); "
        "font-family: system-ui, sans-serif; }"
        f"@media (prefers-color-scheme: dark) {{ svg {{ {theme(DARK)} }} }}</style>"
    )
    head, end, rest = inlined.partition(">")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{end}{style}{rest}\n'
