"""What an error says of the server."""

from __future__ import annotations

import pytest

from serving.client.errors import ServerError


@pytest.mark.parametrize(
    ("status", "is_unanswered", "is_temporary", "is_away"),
    [
        (None, True, True, True),
        (None, False, False, False),
        (400, False, False, False),
        (404, False, False, False),
        (413, False, False, False),
        (429, False, True, True),
        (500, False, False, True),
        (502, False, True, True),
        (503, False, True, True),
        (504, False, False, True),
    ],
)
def test_what_may_be_tried_again_and_when_a_server_is_away(
    status: int | None, is_unanswered: bool, is_temporary: bool, is_away: bool
) -> None:
    error = ServerError("why", status, is_unanswered=is_unanswered)
    assert (error.is_temporary, error.is_away, str(error)) == (is_temporary, is_away, "why")
