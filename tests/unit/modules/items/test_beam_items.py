"""The graph on files, by Beam's own runner, and sums of reports."""

from __future__ import annotations

import json
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
import tensorflow as tf

from modules.config.options.items import ItemOptions
from modules.items import beam_items
from modules.items.beam_items import ItemsFromFiles, merged, read_item_report, remove_parts
from modules.items.item_report import ItemReport
from modules.items.known_names import ITEMS_FILE, names_of
from modules.sessions.examples import ExampleEncoder
from pipeline.config import LOCAL_BEAM

OPTIONS = ItemOptions(id_column="sku", name_column="name", category_column="kind")


def _split(folder: Path, files: list[list[int]]) -> str:
    """Writes sessions of one item each, several files."""
    folder.mkdir()
    encoder = ExampleEncoder()
    packed = tf.io.TFRecordOptions(compression_type="GZIP")
    for number, items in enumerate(files):
        with tf.io.TFRecordWriter(str(folder / f"data-{number}.gz"), packed) as writer:
            for item in items:
                writer.write(encoder.encode(b"s", 5, [b"%d" % item], [5]))
    return str(folder)


def _run(folder: Path, lines: dict[str, list[dict]], splits: list[str]) -> ItemReport:
    """Reads files of JSON lines into a folder."""
    paths = []
    for name, rows in lines.items():
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        paths.append(str(folder / name))
    out = folder / "out"
    out.mkdir()
    with beam.Pipeline(argv=list(LOCAL_BEAM)) as pipeline:
        _ = pipeline | ItemsFromFiles(paths, OPTIONS, str(out), splits)
    remove_parts(str(out))
    return read_item_report(str(out))


def test_rows_and_items_of_the_log_meet_in_their_buckets(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(beam_items, "_IDS_AT_ONCE", 10)
    rows = [{"sku": at, "name": f"n{at}", "kind": [7] if at % 2 else []} for at in range(300)]
    more = [{"sku": at, "name": f"n{at}", "kind": "b"} for at in range(250, 400)]
    splits = [
        _split(tmp_path / "train", [[*range(100, 300)], [*range(200, 420)]]),
        _split(tmp_path / "eval", [[5, 5, 100]]),
    ]
    report = _run(tmp_path, {"a.jsonl": rows, "b.jsonl": more}, splits)
    assert report.counts == {
        "rows_read": 450,
        "rows_replaced": 50,
        "rows_doubled": 0,
        "items": 400,
        "log_items": 321,
        "items_not_in_log": 99,
        "log_items_without_row": 20,
    }
    assert report.ids == {
        "rows_replaced": ["250", "251", "252", "253", "254"],
        "items_not_in_log": ["0", "1", "10", "11", "12"],
        "log_items_without_row": ["400", "401", "402", "403", "404"],
    }
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {ITEMS_FILE, "report.json"}
    table = pq.read_table(out / ITEMS_FILE)
    assert sorted(map(int, table["item_id"].to_pylist())) == [*range(400)]
    assert pq.ParquetFile(out / ITEMS_FILE).num_row_groups == beam_items.BUCKETS
    names = names_of(str(out), OPTIONS, [b"399", b"7", b"8"])
    assert list(names.names.items()) == [("399", "n399"), ("7", "n7"), ("8", "n8")]
    assert names.categories == {"399": ("b",), "7": ("7",)}


def test_without_sessions_nothing_is_compared(tmp_path: Path) -> None:
    report = _run(tmp_path, {"a": [{"sku": "x", "name": "X", "kind": None}]}, [])
    assert (report.counts, report.ids) == ({"rows_read": 1, "items": 1}, {"rows_replaced": []})


def test_a_file_without_a_usable_row_leaves_counts(tmp_path: Path) -> None:
    split = _split(tmp_path / "train", [[1]])
    report = _run(tmp_path, {"a": [{"sku": 1.5, "name": "X", "kind": None}]}, [split])
    assert report.counts["unusable_id"] == report.counts["log_items_without_row"] == 1
    assert not report.counts["items"]


def test_reports_add_up_in_any_order() -> None:
    parts = [
        ItemReport({"items": 2}, {"rows_replaced": ["c", "a"]}, ["b is broken"]),
        ItemReport({"items": 3, "bad_row": 1}, {"rows_replaced": list("bdefgh")}, ["a is broken"]),
    ]
    total = merged(parts)
    assert total == merged([merged(parts[1:]), merged(parts[:1])])
    assert total.counts == {"items": 5, "bad_row": 1}
    assert total.ids == {"rows_replaced": list("abcde")}
    assert total.errors == ["a is broken", "b is broken"]
