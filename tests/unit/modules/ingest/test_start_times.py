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
from modules.ingest.start_times import FindTimeline
from modules.sessions.time_splits import CutRules
from tests.timelines import timeline_of

START = 1_442_000_000_000
TAIL = TailOptions(test_fraction=0.2)
STARTS = {
    "train": [START + 300_000 * step for step in range(300)],
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
@pytest.mark.parametrize("options", [SessionOptions(), SessionOptions(eval_hours=5)])
def test_pieces_in_any_order_give_the_cuts_and_counts_of_all(
    inputs: list[str], options: SessionOptions
) -> None:
    tail = TAIL if inputs == ["train"] else TailOptions()
    expected = timeline_of(STARTS, inputs, options, tail, START)
    cuts = None if expected.cuts is None else tuple(expected.cuts)
    assert (cuts is None) == ("eval" in inputs)
    with TestPipeline() as pipeline:
        found = (
            pipeline | beam.Create(_packed()) | FindTimeline(inputs, CutRules(options, tail), START)
        )
        assert_that(found, equal_to([(cuts, expected.counts)]))
    assert {type(each) for each in (*(cuts or ()), *expected.counts.values())} == {int}


def test_no_session_gives_no_cut_and_no_count() -> None:
    with TestPipeline() as pipeline:
        starts = pipeline | beam.Create([], reshuffle=False)
        found = starts | FindTimeline(["train"], CutRules(SessionOptions(), TAIL), START)
        assert_that(found, equal_to([]))
