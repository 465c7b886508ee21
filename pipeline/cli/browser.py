"""Opens pages in the user's browser."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path


def open_page(page: Path) -> int:
    """Opens a page in a browser; returns the exit status."""
    if not webbrowser.open(page.absolute().as_uri()):
        print(f"No browser was found: open {page} in one.", file=sys.stderr)
        return 1
    return 0
