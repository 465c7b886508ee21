from __future__ import annotations

import pytest

from modules.messages.quoting import quote


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\tb\n", r"'a\tb\n'"),
        (b"caf\xe9\x00", r"'caf\\xe9\x00'"),
        ("é", "'é'"),
        ("\u202e", r"'\u202e'"),
        ("x" * 200, f"'{'x' * 200}'"),
        ("x" * 1_000_200, f"'{'x' * 200}' and 1,000,000 more characters"),
        (3, "3"),
        (None, "None"),
        (["x" * 300], f"['{'x' * 198} and 104 more characters"),
    ],
)
def test_a_value_is_one_line_of_its_first_200_characters(value: object, shown: str) -> None:
    assert quote(value) == shown
