"""The vocabulary in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from components.report.sections import vocabulary
from components.report.session_facts import SplitFacts, split_facts
from modules.data.vocabulary import Vocabulary
from modules.sessions.examples import SessionBatch


def _facts(*sessions: Sequence[bytes]) -> SplitFacts:
    items = np.array([item for session in sessions for item in session], object)
    offsets = np.cumsum([0, *map(len, sessions)])
    times = np.zeros(len(items), np.int64)
    names = np.array([b"s%d" % place for place in range(len(sessions))], object)
    batch = SessionBatch(names, names, times[: len(names)], items, times, offsets)
    return split_facts([batch] if sessions else [], {b"a", b"b", b"c"}, {b"a", b"b"})


def test_shares_of_what_the_vocabulary_does_not_hold() -> None:
    facts = _facts([b"a", b"b"], [b"a", b"x", b"a"], [b"c", b"y", b"y", b"b"])
    (row,) = vocabulary.unknown_rates({"test": facts}).rows
    assert row == ["test", "3", "9", "5", "40.0%", "33.3%", "44.4%"]


def test_an_empty_split_has_no_shares() -> None:
    assert vocabulary.unknown_rates({"test": _facts()}).rows[0][4:] == ["-", "-", "-"]


def test_the_vocabulary_in_words() -> None:
    words = Vocabulary(np.array([b"a", b"b", b"c", b"d"], object), np.array([6, 2, 1, 1]), 3)
    facts = dict(vocabulary.vocabulary_facts(words).rows)
    assert facts["items that can be recommended"] == "3"
    assert facts["items with a single event"] == "2"
    assert facts["share of the most frequent 1 % of items"] == "60.0%"
