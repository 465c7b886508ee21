"""Headers that name session and visitor."""

from __future__ import annotations

import pytest

from serving.client.requests import headers_of


def test_ids_that_are_given_are_sent() -> None:
    assert headers_of(None, None) == {}
    assert headers_of("s-1", None) == {"x-session-id": "s-1"}
    assert headers_of("s", "v@w") == {"x-session-id": "s", "x-visitor-id": "v@w"}


@pytest.mark.parametrize("value", ["", "a b", "a\r\nX-Other: b", "é", "a" * 201, "\x00"])
def test_what_no_header_may_hold_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="session id must be 1 to 200 visible ASCII characters"):
        headers_of(value, None)
    with pytest.raises(ValueError, match="visitor id must be"):
        headers_of(None, value)
