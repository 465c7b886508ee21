"""Numbers of things."""

from __future__ import annotations

import pytest

from modules.messages.counting import counted


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 nodes"), (1, "1 node"), (2, "2 nodes"), (1234, "1,234 nodes")]
)
def test_one_thing_is_no_plural(count: int, text: str) -> None:
    assert counted(count, "node") == text


def test_a_plural_may_be_given() -> None:
    assert [counted(count, "prefix", "prefixes") for count in (1, 3)] == ["1 prefix", "3 prefixes"]
