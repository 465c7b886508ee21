"""Items of a session as typed."""

import pytest

from pipeline.cli import recommend
from pipeline.cli.main import main


@pytest.mark.parametrize(
    ("typed", "items"),
    [
        ("a, b ,,c", ["a", "b", "c"]),
        ("\ufeffa,\u3000b", ["a", "b"]),
        ("\x1ca,b\x1f", ["\x1ca", "b\x1f"]),
    ],
)
def test_items_are_read_as_a_click_log_has_them(typed: str, items: list[str], monkeypatch) -> None:
    """Blanks around an item go, and the separators that logs keep in ids stay."""
    seen: list[list[str]] = []
    monkeypatch.setattr(recommend, "_query_model", lambda _, found, k: seen.append(found) or [])
    assert main(["recommend", "--items", typed, "--model", "any"]) == 0
    assert seen == [items]
