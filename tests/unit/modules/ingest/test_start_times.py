"""Start times of sessions on Beam: the same cuts and counts however they are divided."""

from __future__ import annotations

import random

import apache_beam as beam
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.ingest.packing import pack_ints
from modules.ingest.start_times import CombineStarts
from modules.sessions.time_splits import timeline

START = 1_442_000_000_000
TAIL = TailOptions(test_fraction=0.2)
STARTS = {
    "train": [START + 1_000 * step for step in range(300)],
    "test": [START + 500_000, START],
}


def _packed() -> list[tuple[str, bytes]]:
    """Returns the start times in pieces of unequal length, shuffled."""
    draw = random.Random(4)
    pieces = []
    for split, starts in STARTS.items():
        left = draw.sample(starts, len(starts))
        while left:
            size = draw.randrange(1, 60)
            pieces.append((split, pack_ints(left[:size])))
            left = left[size:]
    return draw.sample(pieces, len(pieces))


@pytest.mark.parametrize("inputs", [["train"], ["train", "eval"]])
def test_pieces_in_any_order_give_the_cuts_and_counts_of_all(inputs: list[str]) -> None:
    expected = timeline(STARTS, inputs, SessionOptions(), TAIL, START)
    cuts = None if expected.cuts is None else tuple(expected.cuts)
    assert (cuts is None) == ("eval" in inputs)
    combine = CombineStarts(inputs, SessionOptions(), TAIL)
    with TestPipeline() as pipeline:
        found = pipeline | beam.Create(_packed()) | beam.CombineGlobally(combine)
        assert_that(found, equal_to([(cuts, expected.counts)]))


def test_no_session_gives_no_cut_and_no_count() -> None:
    combine = CombineStarts(["train"], SessionOptions(), TAIL)
    assert combine.extract_output(combine.create_accumulator()) == (None, {})


def test_sessions_of_the_future_are_counted_by_the_clock() -> None:
    combine = CombineStarts(["test"], SessionOptions(), TailOptions())
    starts = combine.add_input([], ("test", pack_ints([START, 10**15])))
    _, counts = combine.extract_output(starts)
    assert (counts["test.first_start"], counts["test.sessions_in_future"]) == (START, 1)
