"""The rank table."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from modules.evaluation import metrics
from modules.evaluation.intervals import MetricEstimates
from modules.evaluation.metric_names import K_VALUES
from modules.evaluation.rank_table import (
    CANDIDATE,
    LAST_BLESSED,
    TablesDifferError,
    all_metrics,
    empty_table,
    from_parquet,
    to_parquet,
)
from modules.evaluation.ranks import UNRANKED
from modules.evaluation.slice_names import slice_names
from tests.rank_tables import BOUNDS, ids, make_table


def test_metrics_are_those_of_the_protocol() -> None:
    rows = [[1, 99, 3], [2], [99, 40], [7, 8, 21, 1]]
    table = make_table(candidate=rows)
    padded = np.array([row + [0] * (4 - len(row)) for row in rows])
    known = (padded > 0) & (padded != 99)
    assert all_metrics(table, CANDIDATE) == pytest.approx(metrics.metrics_from_ranks(padded, known))


def test_the_last_step_is_the_last_of_its_view() -> None:
    table = make_table(candidate=[[1, 2, 99], [99], [99, 5]])
    assert np.flatnonzero(table.counted("honest", "last")).tolist() == [2, 3, 5]
    assert np.flatnonzero(table.counted("known", "last")).tolist() == [1, 5]


def test_every_step_is_in_one_slice_of_each_feature() -> None:
    table = make_table(candidate=[[1, 99, 3, 4, 5, 6, 7], [8] * 20, [99, 99]])
    for feature in BOUNDS:
        names = [name for name in slice_names(BOUNDS) if name.startswith(feature)]
        inside = np.sum([table.in_slice(name, BOUNDS) for name in names], axis=0)
        assert inside.tolist() == [1] * len(table.known), feature
    assert np.flatnonzero(table.in_slice("item_age=new", BOUNDS)).tolist() == [0]
    assert np.flatnonzero(table.in_slice("item_age=2..3", BOUNDS)).tolist() == [3, 4]
    assert np.flatnonzero(table.in_slice("session_length=3", BOUNDS)).tolist() == [27, 28]
    assert table.rows(ids("s2", "s0"), np.array([1, 0])).tolist() == [28, 0]
    with pytest.raises(ValueError, match="no slice is named 'item_age=5'"):
        table.in_slice("item_age=5", BOUNDS)
    with pytest.raises(ValueError, match="no column item_age"):
        dataclasses.replace(table, item_age=None).in_slice("item_age=new", BOUNDS)


def test_a_table_reads_back_the_same() -> None:
    table = make_table(candidate=[[1, 99], [3]], popularity=[[4, 5], [6]])
    for written in (table, empty_table([CANDIDATE]), dataclasses.replace(table, item_age=None)):
        found = from_parquet(to_parquet(written))
        assert all_metrics(found, CANDIDATE) == pytest.approx(
            all_metrics(written, CANDIDATE), nan_ok=True
        )
        assert found.session_ids.tolist() == written.session_ids.tolist()
        assert list(found.ranks) == list(written.ranks)
        np.testing.assert_array_equal(found.item_age, written.item_age)


def test_a_column_may_have_other_ranks_in_the_known_view() -> None:
    table = make_table(candidate=[[1, 30], [3]], popularity=[[4, 5], [6]])
    known_ranks = {CANDIDATE: np.array([1, 2, 3])}
    table = dataclasses.replace(table, known_ranks=known_ranks)
    for found in (table, from_parquet(to_parquet(table))):
        values = all_metrics(found, CANDIDATE)
        assert values["honest/all/recall@20"] == pytest.approx(2 / 3)
        assert values["known/all/recall@20"] == 1
        assert list(found.ranks) == [CANDIDATE, "popularity"]
        assert all_metrics(found, "popularity")["known/all/mrr@5"] == pytest.approx(
            (1 / 4 + 1 / 5) / 3
        )


def test_only_tables_of_the_same_steps_are_joined() -> None:
    table = make_table(candidate=[[1, 2], [3]])
    joined = table.joined(make_table(popularity=[[4, 5], [6]]))
    assert joined.ranks["popularity"].tolist() == [4, 5, 6]
    other = dataclasses.replace(
        make_table(popularity=[[4, 5], [6]]), known_ranks={"popularity": np.array([1, 2, 3])}
    )
    assert table.joined(other).ranks_in("known", "popularity").tolist() == [1, 2, 3]
    assert table.joined(other).ranks_in("honest", "popularity").tolist() == [4, 5, 6]
    assert table.joined(other).ranks_in("known", CANDIDATE).tolist() == [1, 2, 3]
    with pytest.raises(TablesDifferError, match="3 and 2 steps in 2 and 2 sessions"):
        table.joined(make_table(popularity=[[4], [6]]))
    long = dataclasses.replace(table, session_ids=np.array([b"x" * 1000, b"y" * 1000], object))
    with pytest.raises(TablesDifferError, match=r"such as session 's0', which only one"):
        table.joined(long)
    with pytest.raises(TablesDifferError, match="and 800 more characters") as caught:
        long.joined(dataclasses.replace(table, session_ids=np.array([b"z1", b"z2"], object)))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 99])
def test_a_target_that_cannot_be_recommended_is_a_miss_in_every_metric(size: int) -> None:
    random = np.random.default_rng(size)
    lost = UNRANKED
    columns = {
        name: [
            [lost if random.random() < 0.4 else int(random.integers(1, size + 1)) for _ in range(4)]
            for _ in range(30)
        ]
        for name in (CANDIDATE, LAST_BLESSED, "popularity")
    }
    table = make_table(**columns)
    names = [f"honest/all/{metric}@{k}" for metric in metrics.PER_STEP for k in K_VALUES]
    estimates = MetricEstimates(table, names, BOUNDS, 100, seed=0)
    for column, rows in columns.items():
        ranks = [rank for row in rows for rank in row]
        found = all_metrics(table, column)
        for name in names:
            metric, _, k = name.split("/")[2].partition("@")
            gain = {"recall": lambda _: 1.0, "mrr": lambda r: 1 / r}.get(
                metric, lambda r: 1 / math.log2(r + 1)
            )
            hits = [gain(rank) for rank in ranks if rank != lost and rank <= int(k)]
            assert found[name] == pytest.approx(sum(hits) / len(ranks)), name
            assert estimates.value(name, column) == pytest.approx(sum(hits) / len(ranks)), name
