"""Which sessions go to the model on trial."""

from __future__ import annotations

import pytest

from serving.canary_share import goes_to_canary

SESSIONS = [f"session {number}" for number in range(5_000)]
CHOSEN = [0, 8, 9, 14, 19]  # of the first twenty


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5, 1.0])
def test_the_share_is_kept(share: float) -> None:
    found = sum(goes_to_canary(session, share) for session in SESSIONS) / len(SESSIONS)
    # Four standard deviations of a share of so many draws.
    assert found == pytest.approx(share, abs=4 * (share * (1 - share) / len(SESSIONS)) ** 0.5)


def test_a_larger_share_keeps_the_sessions_of_a_smaller_one() -> None:
    small = {session for session in SESSIONS if goes_to_canary(session, 0.1)}
    large = {session for session in SESSIONS if goes_to_canary(session, 0.3)}
    assert small < large


def test_the_choice_is_the_same_in_every_process_and_release() -> None:
    """Another hash would move the sessions of running shops, and part clients from servers."""
    chosen = [number for number in range(20) if goes_to_canary(SESSIONS[number], 0.2)]
    assert chosen == CHOSEN


def test_any_text_is_an_id() -> None:
    assert goes_to_canary("\ud800", 1.0) and not goes_to_canary("", 0.0)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_from_0_to_1(share: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1, got"):
        goes_to_canary("a", share)
