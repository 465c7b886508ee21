"""Reading of pieces, without Beam."""

import gzip

import pytest

from modules.config.options.sessions import SessionOptions
from modules.ingest import beam_sessions, input_files, packing
from modules.ingest import counts as ingest_counts
from modules.ingest.input_files import InputSplit
from modules.ingest.report import Report
from modules.sessions.sessions import SessionDataError
from modules.sessions.time_splits import CutRules
from tests.click_files import HEADER, find, rows_text


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("tail", "what"),
    [
        (rows_text([(b"s", b"i", 5)] * 180, end=b"\r"), "a carriage return alone"),
        (gzip.compress(HEADER + b"s\ti\t5\n"), "a part compressed with gzip"),
        (b"ItemId\tSessionId\tTime\ni\ts\t5\n", "a second header"),
    ],
    ids=["carriage returns", "gzip", "header"],
)
def test_files_joined_to_one_that_cannot_be_read_with_it_stop_the_run(tmp_path, tail, what, pack):
    path = tmp_path / "clicks.tsv"
    path.write_bytes(pack(HEADER + rows_text([(b"s", b"i", 5)] * 300) + tail))
    inputs = find(tmp_path, {"train": "*"})
    reader = beam_sessions.ReadEvents(SessionOptions(), {"train": 1})
    (piece,) = input_files.pieces(inputs)
    found = [one.value for one in reader.process(tuple(piece)) if hasattr(one, "value")]
    merged = ingest_counts.merge_reports(one for one in found if isinstance(one, Report))
    with pytest.raises(SessionDataError) as caught:
        ingest_counts.check_report(
            merged, inputs, ["train"], CutRules(SessionOptions(max_reject_fraction=0.5))
        )
    assert f"{path} " in str(caught.value)
    assert what in str(caught.value)


def test_events_of_a_log_of_sessions_bring_their_weights(tmp_path):
    text = b"SessionId,ItemId,Time,event\n" + b"".join(
        b"s%d,i%d,%d,%s\n" % (n % 3, n, n, kind)
        for n, kind in enumerate([b"view", b"cart", b"search", b"cart", b"view"])
    )
    (tmp_path / "a.csv").write_bytes(text)
    options = {"event_column": "event", "event_weights": {"cart": 3.0, "view": 0.5}}
    (piece,) = input_files.pieces(find(tmp_path, {"train": "a.csv"}, **options))
    for buckets in (1, 7):
        reader = beam_sessions.ReadEvents(SessionOptions(**options), {"train": buckets})
        batches = [one[1] for one in reader.process(tuple(piece)) if isinstance(one, tuple)]
        groups = packing.group_events(batches)
        weights = {name: [event[3] for event in events] for name, events in groups.items()}
        assert weights == {b"s0": [0.5, 3.0], b"s1": [3.0, 0.5], b"s2": [1.0]}


@pytest.mark.parametrize(
    ("megabytes", "pieces", "buckets"),
    [(1, 1, 1), (28, 14, 14), (100, 50, 50), (1_000, 125, 500), (10_000, 1_250, 4_096)],
)
def test_eight_workers_share_a_log_of_100_mb(tmp_path, megabytes, pieces, buckets):
    (tmp_path / "a.tsv").write_bytes(HEADER + b"s\ti\t5\n")
    ((name, (file,)),) = find(tmp_path, {"train": "a.tsv"})
    split = InputSplit(name, (file._replace(length=megabytes << 20),))
    graph = beam_sessions.SessionsFromFiles([split], CutRules(SessionOptions()))
    assert len([*input_files.pieces([split], graph.piece_bytes)]) == pieces
    assert graph.buckets == {"train": buckets}


@pytest.mark.parametrize("megabytes", [30, 100, 10_000])
def test_buckets_are_as_large_as_asked_for(tmp_path, megabytes):
    (tmp_path / "a.tsv").write_bytes(HEADER + b"s\ti\t5\n")
    ((name, (file,)),) = find(tmp_path, {"train": "a.tsv"})
    split = InputSplit(name, (file._replace(length=megabytes << 20),))
    third, rules = (megabytes << 20) // 3, CutRules(SessionOptions())
    graph = beam_sessions.SessionsFromFiles([split], rules, bucket_bytes=third)
    assert graph.buckets == {"train": 3}
