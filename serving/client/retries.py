"""Deadlines, and tries again until then."""

from __future__ import annotations

import dataclasses
import email.utils
import itertools
import random
import time
from collections.abc import Callable
from typing import TypeVar

from serving.client.errors import ServerError

T = TypeVar("T")


class Deadline:
    """A time by which a call must end."""

    def __init__(self, seconds: float) -> None:
        """Starts the clock."""
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Returns the seconds that are left.

        Raises:
          TimeoutError: none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


@dataclasses.dataclass(frozen=True)
class Retries:
    """How often and how soon a call that failed is tried again.

    Attributes:
      most: number of tries after the first one.
      first: seconds to wait at most before the first of them; doubled for each that follows.
      longest: most seconds to wait, unless the server says longer.
    """

    most: int = 3
    first: float = 0.05
    longest: float = 1.0

    def seconds(self, number: int, retry_after: float | None = None) -> float:
        """Draws the time to wait, so that clients that failed together do not return together.

        Args:
          number: how many tries again there were before.
          retry_after: seconds that the server wants the client to wait.
        """
        drawn = random.uniform(0, min(self.longest, self.first * 2**number))
        return drawn + (retry_after or 0)

    def call(self, once: Callable[[], T], deadline: Deadline) -> T:
        """Calls a function until it succeeds, or there is no use or no time for another try.

        Args:
          once: the function.
          deadline: no try begins after it, and nothing is waited for beyond it.

        Raises:
          ServerError: of the last try.
        """
        for number in itertools.count():
            try:
                return once()
            except ServerError as error:
                if not error.is_temporary or number >= self.most:
                    raise
                pause = self.seconds(number, error.retry_after)
                try:
                    is_late = deadline.left() <= pause
                except TimeoutError:
                    is_late = True
                if is_late:
                    raise
                time.sleep(pause)
        raise AssertionError  # the loop ends with an answer or an error


def parse_retry_after(value: str | None) -> float | None:
    """Returns the seconds of HTTP's header `Retry-After`, a number or a date; None for others.

    >>> parse_retry_after("3"), parse_retry_after("soon"), parse_retry_after(None)
    (3.0, None, None)
    """
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
