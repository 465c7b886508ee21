"""Items are counted once, whatever bucket of sessions holds them."""

from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that

from modules.ingest.counts import merge_reports
from modules.ingest.distinct_items import CountItems, items_by_bucket
from modules.ingest.report import Report

OF_SESSION_BUCKETS = [
    {"train": {b"a", b"b", b"\xff c"}, "eval": {b"a"}},
    {"train": {b"b", b"d"}},
    {"train": {b"a"}, "eval": {b"a", b""}},
]


@pytest.mark.parametrize("buckets", [1, 3, 100])
def test_each_split_has_its_different_items(buckets: int) -> None:
    def check(reports: list[Report]) -> None:
        counts = {name: number for name, number in merge_reports(reports).counts.items() if number}
        assert counts == {"train.items": 4, "eval.items": 2}

    with TestPipeline(runner=FnApiRunner()) as pipeline:
        counted = (
            pipeline
            | beam.Create(OF_SESSION_BUCKETS)
            | beam.FlatMap(items_by_bucket, buckets)
            | CountItems()
        )
        assert_that(counted, check)


def test_an_item_is_always_of_the_same_bucket() -> None:
    packed = [[*items_by_bucket(items, 50)] for items in OF_SESSION_BUCKETS]
    of_item = {
        item: {key[1] for some in packed for key, ids in some if item in ids.split(b"\n")}
        for item in (b"a", b"b", b"d")
    }
    assert all(len(buckets) == 1 for buckets in of_item.values())
    assert {buckets.pop() < 50 for buckets in of_item.values()} == {True}
