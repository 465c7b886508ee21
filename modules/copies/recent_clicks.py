"""Clicks since a model was trained, by session and time, from a log in any form of training's."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from modules.array_types import BoolArray, FloatArray, IntArray
from modules.config.options.sessions import SessionOptions
from modules.files.compression import BrokenFileError
from modules.ingest.forgotten import ForgottenIds
from modules.ingest.input_files import find_input, pieces
from modules.messages.counting import counted
from modules.sessions.concatenated import JoinedFilesError
from modules.sessions.examples import ExampleEncoder
from modules.sessions.sessions import SessionDataError

OF_THE_FUTURE = "future"
"""Reason for which clicks of a wrong clock are left out."""
_SPLIT = "clicks"
_MS_PER_MINUTE = 60_000


Source = tuple[str, SessionOptions, float]
"""Absolute path, pattern or URI of files, how their rows are read, and the events of the training
data that a click of them counts as."""


class RecentClicks(NamedTuple):
    """Clicks in the order of their sessions, and in each of them of their times.

    Attributes:
      session: number of the session, int64 `[clicks]`.
      time: ms since 1970, int64 `[clicks]`.
      item: place of the item in `item_ids`, int64 `[clicks]`.
      item_ids: ids of all items, bytes `[items]`, each once.
      rejected: bad rows by reason.
      weight: events of the training data that each click counts as, float64 `[clicks]`; None for
        one each.
    """

    session: IntArray
    time: IntArray
    item: IntArray
    item_ids: npt.NDArray[np.object_]
    rejected: Counter[str]
    weight: FloatArray | None = None

    @property
    def sessions(self) -> int:
        """Number of sessions."""
        return int((self._starts()).sum())

    @property
    def events(self) -> float:
        """Events of the training data that all clicks count as."""
        return float(len(self.time) if self.weight is None else self.weight.sum())

    def before(self, time: int, since: int = 0) -> RecentClicks:
        """Returns the clicks before a time, in ms; of the others nothing but the items' ids."""
        return self._kept((self.time < time) & (self.time >= since))

    def item_counts(self) -> FloatArray:
        """Returns the events of the training data that each item's clicks count as, `[items]`."""
        return np.bincount(self.item, self.weight, len(self.item_ids)).astype(np.float64)

    def rejected_text(self) -> str:
        """Says how many bad rows there are, and why; "" if there are none."""
        reasons = (f"{count:,} {reason}" for reason, count in self.rejected.most_common())
        total = sum(self.rejected.values())
        return f"{counted(total, 'bad row')}: {', '.join(reasons)}" if total else ""

    def examples(self, after: int) -> Iterator[tuple[bytes, IntArray]]:
        """Yields the sessions with a click at a time or later that is not their first.

        Args:
          after: time in ms.

        Yields:
          A session as a serialized tf.Example, and the times of its clicks.
        """
        encoder = ExampleEncoder()
        bounds = np.append(np.flatnonzero(self._starts()), len(self.time))
        for begin, end in pairwise(bounds.tolist()):
            if end - begin > 1 and self.time[end - 1] >= after:
                times = self.time[begin:end]
                items = self.item_ids[self.item[begin:end]].tolist()
                yield encoder.encode(b"", int(times[0]), items, times.tolist()), times

    def _starts(self) -> BoolArray:
        """Returns which clicks are the first of their session, bool `[clicks]`."""
        return np.diff(self.session, prepend=-1) != 0

    def _kept(self, kept: BoolArray) -> RecentClicks:
        columns = {name: getattr(self, name) for name in ("session", "time", "item", "weight")}
        kept_of = {name: values[kept] for name, values in columns.items() if values is not None}
        return self._replace(**kept_of)


def read_recent_clicks(sources: Sequence[Source], since: int, until: int) -> RecentClicks:
    """Reads click logs; memory grows by 32 bytes a click, and by the ids of items and sessions.

    Of a log of visitors, sessions are cut from their events as in training, but its cleaning (bots,
    doubled rows, item support) is not repeated.

    Args:
      sources: where clicks are; sessions of the same id in two sources are different ones. Files
        without rows have no clicks. Weights differ from 1 where training took a sample of its
        sessions, or the source is one.
      since: earlier clicks, in ms, are left out.
      until: later clicks, in ms, are bad rows: a wrong clock.

    Raises:
      SessionDataError: there is no such file, or one cannot be read.
    """
    items: dict[bytes, int] = {}
    rejected, parts, first = Counter[str](), [], 0
    for pattern, options, share in sources:
        events, sessions = _read(pattern, options, since, until, items, rejected)
        gap = options.gap_minutes * _MS_PER_MINUTE if options.visitor_column else None
        session, time, item = _in_order(events, gap, options.drop_immediate_repeats)
        parts.append((session + first, time, item, np.full(len(item), share)))
        first += max(sessions, int(session.max(initial=-1)) + 1)
    session, time, item, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    return RecentClicks(session, time, item, to_array(list(items)), rejected, weight)


def to_array(ids: list[bytes]) -> npt.NDArray[np.object_]:
    """Returns ids as an array, bytes `[ids]`."""
    found = np.empty(len(ids), object)
    found[:] = ids
    return found


def _read(
    pattern: str,
    options: SessionOptions,
    since: int,
    until: int,
    items: dict[bytes, int],
    rejected: Counter[str],
) -> tuple[_Events, int]:
    """Reads the clicks of one source; adds items and bad rows; returns the number of sessions."""
    session, time, item = array("q"), array("q"), array("q")
    sessions: dict[bytes, int] = {}
    kept, forgotten = options.kept_types(), ForgottenIds(options.forget_file).read()
    for piece in pieces(find_input("", [(_SPLIT, pattern)], options, skips_empty=True)):
        try:
            for rows in piece.part.read(piece.path, options):
                rows = rows.of_types(kept).without(forgotten)
                rejected.update(reason for reason, _, _ in rows.rejects)
                for session_id, item_id, at in zip(*rows[:3], strict=True):
                    if at > until:
                        rejected[OF_THE_FUTURE] += 1
                    elif at >= since:
                        session.append(sessions.setdefault(session_id, len(sessions)))
                        time.append(at)
                        item.append(items.setdefault(item_id, len(items)))
        except (BrokenFileError, JoinedFilesError) as error:
            raise SessionDataError(error.of(piece.path)) from error
        except OSError as error:  # such as a file that was removed meanwhile
            raise SessionDataError(f"{piece.path} cannot be read: {error}") from error
    events = _Events(*(np.array(values, np.int64) for values in (session, time, item)))
    return events, len(sessions)


class _Events(NamedTuple):
    """Sessions, times and items of clicks, int64 `[clicks]` each."""

    session: IntArray
    time: IntArray
    item: IntArray


def _in_order(events: _Events, gap: float | None, drops_repeats: bool) -> _Events:
    """Returns the clicks in order, with a new session after each longer gap, in ms.

    Of equal items in a row only the first is kept if that is wanted.
    """
    order = np.lexsort((events.time, events.session))
    session, time, item = (values[order] for values in events)
    if gap is not None:
        begins = (np.diff(session, prepend=-1) != 0) | (np.diff(time, prepend=0) > gap)
        session = np.cumsum(begins) - 1
    if drops_repeats:
        is_repeat = (np.diff(session, prepend=-1) == 0) & (np.diff(item, prepend=-1) == 0)
        session, time, item = session[~is_repeat], time[~is_repeat], item[~is_repeat]
    return _Events(session, time, item)
