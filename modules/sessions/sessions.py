"""Events become sessions; neither TensorFlow nor Beam here.

With `click_log.py` (rows of a file) and `time_splits.py` (what becomes eval and test) these
functions are all that decides what a session is and which split it goes to: the Beam graph in
`components/session_example_gen` and the tests call the same ones.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from modules.files.row_fields import QUOTING
from modules.messages.quoting import quote
from modules.sessions.event_times import TIME_UNITS

_MAX_HOURS = 1_000_000


class SessionDataError(ValueError):
    """The input files cannot be used; the message names file, column and what was found."""


@dataclasses.dataclass(frozen=True)
class SessionOptions:
    """How rows are read and which sessions are kept.

    Attributes:
      session_column: header name of the session id.
      item_column: header name of the item id.
      time_column: header name of the event time.
      delimiter: one character, of which `tab` and a backslash with t name a tab; None takes a comma
        for `.csv` (and `.csv.gz` and the like), else a tab.
      quoting: `csv` encloses fields in quotes as CSV does, `none` takes quotes for letters, `auto`
        is `none` where tabs separate the fields (unless the header's names stand in quotes),
        else `csv`; it refuses ids in quotes in place of taking these for letters.
      time_unit: `seconds`, `milliseconds`, `microseconds`, `nanoseconds`, `iso8601`, or `auto`:
        value by value, a number below 1e11 means seconds, below 1e14 milliseconds, below 1e17
        microseconds, else nanoseconds; all else is ISO 8601.
      drop_immediate_repeats: of equal items in a row keep the first event.
      min_session_length: events a session needs, counted after dropping repeats.
      max_session_length: events kept of a longer session, the latest, in split train; None for all.
      sample_fraction: share of train sessions kept, chosen by a hash of the session id.
      eval_fraction: share of train sessions, the last by start time, that become split eval where
        the input has none.
      eval_hours: length of split eval in hours of session start time; wins over eval_fraction.
      max_reject_fraction: largest accepted share of bad rows in an input split.
    """

    session_column: str = "SessionId"
    item_column: str = "ItemId"
    time_column: str = "Time"
    delimiter: str | None = dataclasses.field(
        default=None, metadata={"spellings": {r"\t": "\t", "tab": "\t"}}
    )
    quoting: str = "auto"
    time_unit: str = "auto"
    drop_immediate_repeats: bool = False
    min_session_length: int = 2
    max_session_length: int | None = None
    sample_fraction: float = 1.0
    eval_fraction: float = 0.15
    eval_hours: float | None = None
    max_reject_fraction: float = 0.01

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        return [
            f"{name} must be {wanted}, got {quote(getattr(self, name))}"
            for name, (is_good, wanted) in self._rules().items()
            if not is_good
        ]

    def _rules(self) -> dict[str, tuple[bool, str]]:
        columns = [self.session_column, self.item_column, self.time_column]
        shortest = self.min_session_length if _is_count(self.min_session_length, 1) else 1
        a_column = "the name of a column, each a different one"
        return {
            "session_column": (_is_name(self.session_column, columns), a_column),
            "item_column": (_is_name(self.item_column, columns), a_column),
            "time_column": (_is_name(self.time_column, columns), a_column),
            "delimiter": (
                self.delimiter is None or _is_delimiter(self.delimiter),
                "one ASCII character other than a quote or a line end, or null",
            ),
            "quoting": (self.quoting in QUOTING, f"one of {', '.join(QUOTING)}"),
            "time_unit": (self.time_unit in TIME_UNITS, f"one of {', '.join(TIME_UNITS)}"),
            "drop_immediate_repeats": (
                isinstance(self.drop_immediate_repeats, bool),
                "true or false",
            ),
            "min_session_length": (
                _is_count(self.min_session_length, 1),
                "an integer of at least 1",
            ),
            "max_session_length": (
                self.max_session_length is None or _is_count(self.max_session_length, shortest),
                f"an integer of at least min_session_length ({shortest}), or null",
            ),
            "sample_fraction": (
                is_number(self.sample_fraction) and 0 < self.sample_fraction <= 1,
                "above 0 and at most 1",
            ),
            "eval_fraction": (
                is_number(self.eval_fraction) and 0 < self.eval_fraction < 1,
                "above 0 and below 1",
            ),
            "eval_hours": (
                self.eval_hours is None
                or (is_number(self.eval_hours) and 0 < self.eval_hours <= _MAX_HOURS),
                f"above 0 and at most {_MAX_HOURS}, or null",
            ),
            "max_reject_fraction": (
                is_number(self.max_reject_fraction) and 0 <= self.max_reject_fraction <= 1,
                "between 0 and 1",
            ),
        }


def _is_name(value: object, columns: list[str]) -> bool:
    return isinstance(value, str) and bool(value.strip()) and columns.count(value) == 1


def _is_delimiter(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1 and value.isascii() and value not in '"\r\n\0'


def is_number(value: object) -> bool:
    """Tells whether value is a number; YAML's true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


Event = tuple[int, int, bytes]
"""Time in ms, place in the input (file, then offset; breaks ties in time), item id."""


class Session(NamedTuple):
    """A session in time order; `start_time` stays that of the first event when events are cut."""

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
    """Samples, orders and filters the sessions of an input split; counts what it leaves out."""
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
    """Orders one session's events by time, then place in the input; drops repeats if asked."""
    ordered = sorted(events)
    if drop_repeats:
        pairs = zip([None, *ordered], ordered, strict=False)
        ordered = [event for before, event in pairs if before is None or event[2] != before[2]]
    item_ids = [event[2] for event in ordered]
    event_times = [event[0] for event in ordered]
    return Session(session_id, event_times[0], item_ids, event_times)


def finish_session(
    session: Session, split: str, options: SessionOptions, counts: Counter[str]
) -> Session:
    """Caps a session that goes to output split `split` (train only) and counts it."""
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
    """Tells whether a session is in the sample; a larger fraction only adds sessions."""
    if fraction >= 1:
        return True
    digest = hashlib.blake2b(session_id, digest_size=8, person=b"sample").digest()
    return int.from_bytes(digest, "big") < fraction * 2**64
