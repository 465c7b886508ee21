"""Builds sessions from events; neither TensorFlow nor Beam here.

What a row, a session and a split are is decided in this package alone (`row_checks.py`,
`visitor_sessions.py`, this module, `time_splits.py`): the Beam graph in `modules/ingest` and the
tests call the same functions.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from modules.config.options.sessions import SessionOptions


class SessionDataError(ValueError):
    """The input files cannot be used; the message names file, column and what was found."""


class EmptyFileError(SessionDataError):
    """A file has no rows."""


_LONGEST_PAUSE = 3_600_000  # ms

Event = tuple[int, int, bytes] | tuple[int, int, bytes, float]
"""Time in ms, position in the input (file, then offset; breaks ties in time), item id, and the
weight if events have any."""


class Session(NamedTuple):
    """A session in time order.

    Attributes:
      session_id: its id.
      start_time: time of its first event, ms, even if that is cut.
      item_ids: item of each event.
      event_times: time of each event, ms.
      weights: weight of each event; None if events have none.
    """

    session_id: bytes
    start_time: int
    item_ids: list[bytes]
    event_times: list[int]
    weights: list[float] | None = None

    def since(self, place: int) -> Session:
        """Returns the session with only the events from a place on."""
        return self._replace(
            item_ids=self.item_ids[place:],
            event_times=self.event_times[place:],
            weights=self.weights and self.weights[place:],
        )


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
    """Orders a session's events by time, then position; may join equal items in a row."""
    ordered = sorted(events)
    if drop_repeats:
        ordered = [_joined(same) for _, same in itertools.groupby(ordered, key=lambda e: e[2])]
    times, _, items, *weights = zip(*ordered, strict=True)
    return Session(session_id, times[0], [*items], [*times], *map(list, weights))


def _joined(same: Iterable[Event]) -> Event:
    """Returns the first of equal items in a row, with the largest of their weights.

    A cart right after the view of the same item so keeps its weight.

    >>> _joined([(1, 0, b"a", 1.0), (2, 1, b"a", 3.0)])
    (1, 0, b'a', 3.0)
    """
    first, *rest = same
    if len(first) == 3:
        return first
    return (*first[:3], max([first[3], *(event[3] for event in rest if len(event) == 4)]))


def without_items(session: Session, dropped: Collection[bytes]) -> Session:
    """Returns a session without some items; its start stays what it was.

    >>> without_items(Session(b"s", 1, [b"a", b"b", b"a"], [1, 2, 3]), {b"a"})
    Session(session_id=b's', start_time=1, item_ids=[b'b'], event_times=[2], weights=None)
    """
    kept = [item not in dropped for item in session.item_ids]
    if all(kept):
        return session
    weights = session.weights
    return session._replace(
        item_ids=[*itertools.compress(session.item_ids, kept)],
        event_times=[*itertools.compress(session.event_times, kept)],
        weights=weights and [*itertools.compress(weights, kept)],
    )


def finish_session(
    session: Session, split: str, options: SessionOptions, counts: Counter[str]
) -> Session:
    """Caps a session of output split train, and counts any session.

    In a log of sessions, those with a pause of more than an hour are counted too: where they are
    many, they are what visitors did on several visits.
    """
    if options.visitor_column is None:
        counts[f"{split}.sessions_with_pause"] += has_pause(session.event_times)
    longest = options.max_session_length
    cut = len(session.item_ids) - longest if split == "train" and longest is not None else 0
    if cut > 0:
        counts[f"{split}.sessions_capped"] += 1
        counts[f"{split}.rows_capped"] += cut
        session = session.since(cut)
    counts[f"{split}.sessions"] += 1
    counts[f"{split}.rows_kept"] += len(session.item_ids)
    if session.weights is not None:
        counts[f"{split}.events_weighted"] += sum(weight != 1 for weight in session.weights)
    return session


def has_pause(times: Sequence[int]) -> bool:
    """Returns whether an event comes more than an hour after the one before it.

    Args:
      times: times of at least one event, in order, ms.

    >>> has_pause([0, 3_600_000, 7_200_000]), has_pause([0, 5, 3_600_006])
    (False, True)
    """
    if times[-1] - times[0] <= _LONGEST_PAUSE:
        return False
    return any(late - early > _LONGEST_PAUSE for early, late in itertools.pairwise(times))


def is_sampled(session_id: bytes, fraction: float) -> bool:
    """Returns whether a session is in the sample; a larger fraction only adds sessions."""
    if fraction >= 1:
        return True
    digest = hashlib.blake2b(session_id, digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") < fraction * 2**64
