"""What a client raises."""

from __future__ import annotations

import re

_TOO_MANY, _FIRST_OF_SERVERS = 429, 500
_RETRIED = {_TOO_MANY, 502, 503}
# As `session-retrieval serve` and TensorFlow Serving say it, with statuses that differ.
_NO_SIGNATURE = re.compile(r"\bno signature\b|\bsignature\b.*\bnot found\b", re.IGNORECASE)


class ServerError(Exception):
    """The server did not answer with recommendations; the message says why.

    Attributes:
      status: HTTP status of an error, or the one that stands for gRPC's code; None if there was no
        answer, or one of another kind.
      is_away: whether there was no answer, or the server said that it cannot answer now.
      is_temporary: whether another try may help.
      retry_after: seconds that the server wants the client to wait; None if it did not say.
      is_label_missing: whether the server has no model of the label in the request.
      is_signature_missing: whether the model has no signature of the name in the request.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        *,
        is_unanswered: bool = False,
        retry_after: float | None = None,
        is_label_missing: bool = False,
    ) -> None:
        """Keeps message and status.

        Args:
          message: what is wrong, and how to fix it.
          status: see the attributes.
          is_unanswered: whether no answer came, so that another try may get one.
          retry_after: see the attributes.
          is_label_missing: see the attributes.
        """
        super().__init__(message)
        self.status, self.retry_after = status, retry_after
        self.is_temporary = is_unanswered or status in _RETRIED
        is_failing = status is not None and (status == _TOO_MANY or status >= _FIRST_OF_SERVERS)
        self.is_away = is_unanswered or is_failing
        self.is_label_missing = is_label_missing
        is_refused = status is not None and not is_failing
        self.is_signature_missing = is_refused and bool(_NO_SIGNATURE.search(message))
