"""Builds sessions from events; neither TensorFlow nor Beam here.

These functions, `click_log.py` and `time_splits.py` alone decide what a session is and which split
it goes to: the Beam graph in `modules/ingest` and the tests call the same ones.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from modules.config.options.sessions import SessionOptions


class SessionDataError(ValueError):
    """The input files cannot be used; the message names file, column and what was found."""


Event = tuple[int, int, bytes]
"""Time in ms, position in the input (file, then offset; breaks ties in time), item id."""


class Session(NamedTuple):
    """A session in time order; `start_time` is that of the first event even if that is cut."""

    session_id: bytes
    start_time: int
    item_ids: list[bytes]
    event_times: list[int]


def build_sessions(
    groups: Mapping[bytes, Sequence[Event]],
    split: str,
    options: SessionOptions,
    counts: Counter[str],
) -> Iterator[Session]:
    """Samples, orders and filters the sessions of an input split, counting what is dropped."""
    for session_id, events in groups.items():
        if split == "train" and not is_sampled(session_id, options.sample_fraction):
            counts[f"{split}.sessions_sampled_out"] += 1
            counts[f"{split}.rows_sampled_out"] += len(events)
            continue
        session = order_events(session_id, events, options.drop_immediate_repeats)
        length = len(session.item_ids)
        if length < len(events):
            counts[f"{split}.rows_repeated"] += len(events) - length
        if length < options.min_session_length:
            counts[f"{split}.sessions_too_short"] += 1
            counts[f"{split}.rows_too_short"] += length
            continue
        yield session


def order_events(session_id: bytes, events: Sequence[Event], drop_repeats: bool) -> Session:
    """Orders a session's events by time, then position in the input; may drop repeated items."""
    ordered = sorted(events)
    if drop_repeats:
        ordered = [next(same) for _, same in itertools.groupby(ordered, key=lambda event: event[2])]
    times, _, items = zip(*ordered, strict=True)
    return Session(session_id, times[0], [*items], [*times])


def finish_session(
    session: Session, split: str, options: SessionOptions, counts: Counter[str]
) -> Session:
    """Caps a session of output split train, and counts any session."""
    longest = options.max_session_length
    cut = len(session.item_ids) - longest if split == "train" and longest is not None else 0
    if cut > 0:
        counts[f"{split}.sessions_capped"] += 1
        counts[f"{split}.rows_capped"] += cut
        session = session._replace(
            item_ids=session.item_ids[cut:], event_times=session.event_times[cut:]
        )
    counts[f"{split}.sessions"] += 1
    counts[f"{split}.rows_kept"] += len(session.item_ids)
    return session


def is_sampled(session_id: bytes, fraction: float) -> bool:
    """Returns whether a session is in the sample; a larger fraction only adds sessions."""
    if fraction >= 1:
        return True
    digest = hashlib.blake2b(session_id, digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") < fraction * 2**64
