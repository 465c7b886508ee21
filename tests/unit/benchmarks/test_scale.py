"""Made-up logs, and the tables of the whole pipeline's growth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.scale import NODES, SETTINGS, Measurement, growth, made_up_events, report, write_log
from pipeline.config import load_config
from pipeline.data_files import DataPaths
from pipeline.paths import Paths
from pipeline.pipeline import create_pipeline

# They find results of earlier runs, of which a measured run has none, or copy a file.
NOT_MEASURED = {"ImportSchemaGen", "AcceptedStatistics", "LatestBlessedModel"}
MEASURED = [
    Measurement("Trainer", 3_000_000, 160.0, 2_000.0, 90.0),
    Measurement("Trainer", 1_000_000, 60.0, 1_000.0, 35.5),
    Measurement("Pusher", 3_000_000, 1.0, 700.0, 2.0),
    Measurement("Pusher", 1_000_000, 1.0, 704.0, 1.0),
]


def test_a_log_is_in_order_of_session_start_and_time() -> None:
    log = made_up_events(20_000, 1_000)
    session, item, time = log["SessionId"], log["ItemId"], log["Time"]
    is_first = np.append(True, np.diff(session) > 0)
    assert {len(column) for column in log.values()} == {20_000}
    assert np.diff(session).min() == 0 and np.diff(session).max() == 1
    assert np.diff(time[is_first]).min() > -60_000
    assert np.diff(time)[~is_first[1:]].min() > 0
    assert 0 <= item.min() and item.max() < 1_000
    counts = np.sort(np.bincount(item, minlength=1_000))[::-1]
    assert counts[:100].sum() > 2 * counts[-500:].sum() > 0
    assert 3 < 20_000 / (session[-1] + 1) < 4


def test_a_log_is_written_as_a_shop_exports_it(tmp_path: Path) -> None:
    write_log(tmp_path / "log.tsv", 500, 50)
    header, *rows = (tmp_path / "log.tsv").read_text("utf-8").splitlines()
    columns = made_up_events(500, 50)
    assert header.split("\t") == [*columns]
    assert [[*map(int, row.split("\t"))] for row in rows] == [
        [*map(int, row)] for row in zip(*columns.values(), strict=True)
    ]


def test_growth_is_from_the_smallest_size_to_the_largest() -> None:
    grown = growth(MEASURED[:2])
    assert grown is not None
    assert (grown.cpu_seconds, grown.mib) == (50.0, 500.0)
    assert grown.at(13_000_000) == (660.0, 7_000.0)
    shrunk = growth(MEASURED[2:])
    assert shrunk is not None and shrunk.at(10**9)[1] == 700.0
    assert growth(MEASURED[:1]) is None


def test_the_tables_have_a_row_per_node_in_the_pipelines_order() -> None:
    lines = report(MEASURED[::-1]).splitlines()
    assert lines[0] == "| node | 1M: CPU s, s, MiB | 3M: CPU s, s, MiB |"
    assert lines[2:4] == [
        "| Trainer | 60.0, 35.5, 1,000 | 160.0, 90.0, 2,000 |",
        "| Pusher | 1.0, 1.0, 704 | 1.0, 2.0, 700 |",
    ]
    assert "| Trainer | 50.00 | 500.0 | 1.39, 49.3 | 13.89, 488.8 |" in lines
    assert len(report(MEASURED[:1]).splitlines()) == 3


def test_all_nodes_of_the_pipeline_that_read_data_are_measured(tmp_path: Path) -> None:
    write_log(tmp_path / "log.tsv", 500, 50)
    config = load_config("custom", SETTINGS, DataPaths(train=str(tmp_path / "log.tsv")))
    nodes = create_pipeline(config, Paths.under(tmp_path)).components
    assert {node.id for node in nodes} - NOT_MEASURED == {*NODES}
    places = {name: place for place, name in enumerate(NODES)}
    for node in nodes:
        above = [places.get(upstream.id, -1) for upstream in node.upstream_nodes]
        assert max(above, default=-1) < places.get(node.id, len(places))
    assert config.trainer.max_epochs == 2 and not config.tuner.enabled


def test_a_size_is_given_in_short() -> None:
    lines = report([Measurement("Pusher", size, 1.0, 1.0, 1.0) for size in (300_000, 10**9, 500)])
    sizes = " | ".join(f"{size}: CPU s, s, MiB" for size in ("500", "300k", "1G"))
    assert lines.startswith(f"| node | {sizes} |")


@pytest.mark.parametrize("events", [2, 3, 10])
def test_small_logs(events: int) -> None:
    assert len(made_up_events(events, 5)["Time"]) == events
