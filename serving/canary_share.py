"""Which sessions go to the model on trial: the same ones at each request, on every machine."""

from __future__ import annotations

import hashlib


def goes_to_canary(session_id: str, share: float) -> bool:
    """Returns whether a session belongs to a share of all sessions.

    The id alone decides, for servers and clients of any release alike. A session that belongs to
    a share belongs to every larger one.

    >>> goes_to_canary("7", 0.0), goes_to_canary("7", 1.0)
    (False, True)

    Args:
      session_id: any text, the same for all requests of a session.
      share: of the sessions, from 0 to 1.

    Raises:
      ValueError: the share is not in that range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of sessions must be from 0 to 1, got {share}")
    digest = hashlib.sha256(b"canary " + session_id.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
