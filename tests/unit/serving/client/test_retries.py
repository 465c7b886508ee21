"""Deadlines, and tries again until then."""

from __future__ import annotations

import email.utils
import time

import pytest

from serving.client.errors import ServerError
from serving.client.retries import Deadline, Retries, parse_retry_after

SOON = Retries(most=3, first=0.001, longest=0.002)


class Failing:
    """Raises the errors in turn, then returns."""

    def __init__(self, *errors: ServerError) -> None:
        self.errors, self.calls = list(errors), 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_call_is_tried_again_until_it_is_answered(status: int) -> None:
    call = Failing(ServerError("busy", status), ServerError("gone", is_unanswered=True))
    assert SOON.call(call, Deadline(60)) == "answer"
    assert call.calls == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 411, 413, 422, 500, 501, 504, None])
def test_what_was_answered_otherwise_is_not_tried_again(status: int | None) -> None:
    call = Failing(ServerError("no", status))
    with pytest.raises(ServerError, match="no"):
        SOON.call(call, Deadline(60))
    assert call.calls == 1


def test_tries_are_counted() -> None:
    call = Failing(*(ServerError(f"busy {number}", 503) for number in range(9)))
    with pytest.raises(ServerError, match="busy 3"):
        SOON.call(call, Deadline(60))
    assert call.calls == 4
    call = Failing(ServerError("busy", 503))
    with pytest.raises(ServerError):
        Retries(most=0).call(call, Deadline(60))
    assert call.calls == 1


def test_nothing_is_waited_for_beyond_the_deadline() -> None:
    began = time.monotonic()
    call = Failing(ServerError("busy", 503, retry_after=5.0))
    with pytest.raises(ServerError, match="busy"):
        SOON.call(call, Deadline(1.0))
    with pytest.raises(ServerError, match="busy"):
        SOON.call(Failing(ServerError("busy", 503)), Deadline(-1))
    assert call.calls == 1 and time.monotonic() - began < 4


def test_the_server_says_how_long_to_wait() -> None:
    began = time.monotonic()
    assert SOON.call(Failing(ServerError("busy", 503, retry_after=0.2)), Deadline(60)) == "answer"
    assert time.monotonic() - began >= 0.2


def test_waits_grow_and_are_drawn() -> None:
    retries = Retries(first=0.1, longest=0.35)
    for number, most in enumerate([0.1, 0.2, 0.35, 0.35]):
        drawn = [retries.seconds(number) for _ in range(500)]
        assert 0 <= min(drawn) < most / 10 and 0.9 * most < max(drawn) <= most
        assert all(2 <= retries.seconds(number, 2.0) <= 2 + most for _ in range(20))


def test_a_deadline_passes() -> None:
    assert 59 < Deadline(60).left() <= 60
    with pytest.raises(TimeoutError):
        Deadline(0).left()


def test_retry_after_is_a_number_or_a_date() -> None:
    soon = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert parse_retry_after(soon) == pytest.approx(30, abs=2)
    assert parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT") == 0
    assert parse_retry_after(" 7 ") == 7
    for text in ("-1", "1.5", "²", "", "never", "Fri, 99 Dec 1999"):
        assert parse_retry_after(text) is None
