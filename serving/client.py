"""A client of TensorFlow Serving's predict REST API; it needs only the standard library."""

from __future__ import annotations

import http.client
import ipaddress
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from serving.pushed_models import SIGNATURE, Recommendation, best_items

MODEL_NAME = "session-retrieval"
# Most sessions, and item ids with padding, of one request: servers must answer it within the
# timeout and their limits (serving/limits.py), which a large catalogue lowers.
_ROWS, _CELLS = 500, 50_000
_TOO_LARGE = 413  # HTTP's status


class ServerError(Exception):
    """The server did not answer with recommendations; the message says why.

    Attributes:
      status: HTTP status of an error; None if the server did not answer with one.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        """Keeps message and status."""
        super().__init__(message)
        self.status = status


def is_this_machine(host: str) -> bool:
    """Returns whether a host is this machine, which no proxy can reach by that name."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # ::ffff:127.0.0.1 is not a loopback address for Python before 3.13.
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def opener_for(host: str) -> urllib.request.OpenerDirector:
    """Returns an opener for URLs of a host, with the environment's proxies unless it is local."""
    proxies = [urllib.request.ProxyHandler({})] if is_this_machine(host) else []
    return urllib.request.build_opener(*proxies)


class Client:
    """Queries one model of a server."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        """Checks the address.

        Args:
          url: URL of the server, `http://host:8501`, of a model on it,
            `http://host:8501/v1/models/name`, or of a version of that, `.../versions/7`.
          timeout: seconds to wait for an answer.

        Raises:
          ServerError: the address is not valid.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServerError(f"The server must be like http://localhost:8501, got {url!r}.")
        path = parts.path.rstrip("/") or f"/v1/models/{MODEL_NAME}"
        self.url = f"{parts.scheme}://{parts.netloc}{path}"
        self._timeout = timeout
        self._rows = _ROWS
        self._opener = opener_for(parts.hostname)

    def recommend(
        self, sessions: Sequence[Sequence[str]], count: int
    ) -> list[list[Recommendation]]:
        """Returns the best items for each session, best first, as `pushed_models` does.

        Many sessions are sent in several requests, with fewer sessions after the server has
        refused one as too large.

        Args:
          sessions: item ids of each session in time order; the model ignores unknown ones.
          count: most items per session, at most 100.

        Raises:
          ServerError: the server does not answer with recommendations.
        """
        answers: list[list[Recommendation]] = []
        while len(answers) < len(sessions):
            part = _next_part(sessions[len(answers) : len(answers) + self._rows])
            try:
                answers += self._recommend(part, count)
            except ServerError as error:
                if error.status != _TOO_LARGE or len(part) == 1:
                    raise
                self._rows = len(part) // 2
        return answers

    def _recommend(
        self, sessions: Sequence[Sequence[str]], count: int
    ) -> list[list[Recommendation]]:
        longest = max(map(len, sessions), default=0) or 1
        padded = [[*session, *[""] * (longest - len(session))] for session in sessions]
        answer = self.predict(SIGNATURE, {"item_ids": padded})
        try:
            rows = zip(sessions, answer["item_ids"], answer["scores"], strict=True)
            return [best_items(ids, scores, count) for _, ids, scores in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise ServerError(
                f"{self.url} answered without item_ids and scores for each session."
            ) from error

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> Any:
        """Calls a signature in the API's columnar form, and returns its `outputs`.

        Raises:
          ServerError: the server does not answer with outputs.
        """
        body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
        request = urllib.request.Request(
            f"{self.url}:predict", body, {"Content-Type": "application/json"}
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return json.load(response)["outputs"]
        except urllib.error.HTTPError as error:
            reason = error.read().decode("utf-8", "replace")[:500]
            raise ServerError(
                f"{request.full_url} answered {error.code}: {reason}", error.code
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(
                f"{request.full_url} does not answer: {error}. Is a server running there? "
                "`session-retrieval serve` starts one."
            ) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ServerError(f"{request.full_url} does not speak the predict API.") from error


def _next_part(sessions: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """Returns as many of the first sessions as one request takes with their padding."""
    longest = 0
    for rows, session in enumerate(sessions):
        longest = max(longest, len(session))
        if rows and (rows + 1) * longest > _CELLS:
            return sessions[:rows]
    return sessions
