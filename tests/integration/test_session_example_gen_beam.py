"""SessionExampleGen's PTransforms on Beam's runner, one by one and as a whole graph."""

import datetime
import gzip
import random
from collections import Counter

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.daily.spans import find_window
from modules.ingest import beam_sessions, input_files, packing
from modules.ingest import counts as ingest_counts
from modules.ingest.report import Reject
from modules.sessions.event_times import MS_PER_DAY
from modules.sessions.row_checks import REJECT_REASONS
from modules.sessions.sessions import Session, SessionDataError
from modules.sessions.time_splits import CutRules, Period, output_split
from tests.click_files import HEADER, NOW, find, rows_text
from tests.ingest_graph import decode, run_graph, run_inputs
from tests.timelines import cuts_of


def rows_add_up(counts, inputs, cut_eval):
    """The accounting identity that README.md promises."""
    for split in inputs:
        outputs = ["train", "eval"] if cut_eval and split == "train" else [split]
        rejected = sum(counts.get(f"{split}.rows_rejected.{r}", 0) for r in REJECT_REASONS)
        left = ("kept", "too_short", "capped", "repeated", "sampled_out")
        counted = sum(counts.get(f"{o}.rows_{what}", 0) for o in outputs for what in left)
        assert counts[f"{split}.rows_read"] == rejected + counted, (split, counts)


def test_read_events_packs_rows_and_reports_bad_ones(tmp_path):
    text = HEADER + b"s1\ti1\t5\ns1\ti2\ns2\t\xff\t7\ns2\ti3\t6\n"
    (tmp_path / "a.tsv").write_bytes(text)
    inputs = find(tmp_path, {"test": "a.tsv"}, time_unit="milliseconds")
    options = SessionOptions(time_unit="milliseconds")

    def check_events(elements):
        ((key, packed),) = elements
        assert key == ("test", 0)
        places = [text.index(b"s1\ti1"), text.index(b"s2\ti3")]
        assert packing.group_events([packed]) == {
            b"s1": [(5, places[0], b"i1")],
            b"s2": [(6, places[1], b"i3")],
        }

    def check_rejects(elements):
        (rejects,) = elements
        path = str(tmp_path / "a.tsv")
        assert rejects == [
            Reject("test", 0, text.index(b"s1\ti2"), path, "field_count", "s1\ti2"),
            Reject("test", 0, text.index(b"s2\t\xff"), path, "encoding", "s2\t\\xff\t7"),
        ]

    def check_report(elements):
        (found,) = elements
        assert found.counts == {
            "test.rows_read": 4,
            "test.rows_rejected.field_count": 1,
            "test.rows_rejected.encoding": 1,
        }

    with TestPipeline(runner=FnApiRunner()) as pipeline:
        outputs = (
            pipeline
            | beam.Create([tuple(piece) for piece in input_files.pieces(inputs)])
            | beam.ParDo(beam_sessions.ReadEvents(options, {"test": 1})).with_outputs(
                beam_sessions.ReadEvents.REJECTS, beam_sessions.ReadEvents.REPORT, main="events"
            )
        )
        assert_that(outputs.events, check_events, "events")
        assert_that(outputs.rejects, check_rejects, "rejects")
        assert_that(outputs.report, check_report, "report")


def test_build_sessions_orders_shuffled_batches():
    batches = [
        packing.pack_events(([b"b", b"a"], [b"3", b"y"], [9, 2], [30, 40])),
        packing.pack_events(([b"b", b"c"], [b"2", b"z"], [9, 1], [20, 50])),
        packing.pack_events(([b"a", b"b"], [b"x", b"1"], [1, 3], [60, 70])),
    ]

    def check_sessions(elements):
        ((key, packed),) = elements
        assert key == ("train", 4)
        assert list(packing.unpack_sessions(packed)) == [
            Session(b"a", 1, [b"x", b"y"], [1, 2]),
            Session(b"b", 3, [b"1", b"2", b"3"], [3, 9, 9]),
        ]

    def check_identities(elements):
        assert {bucket < 5 for bucket, _ in elements} == {True}
        ids = b"\n".join(ids for _, (split, ids, _) in elements if split == "train")
        assert sorted(ids.split(b"\n")) == [b"a", b"b"]

    def check_report(elements):
        (found,) = elements
        assert found.counts == {"train.sessions_too_short": 1, "train.rows_too_short": 1}

    with TestPipeline(runner=FnApiRunner()) as pipeline:
        outputs = (
            pipeline
            | beam.Create([(("train", 4), batches)])
            | beam.ParDo(
                beam_sessions.BuildSessions(CutRules(SessionOptions()), NOW, 5)
            ).with_outputs(
                beam_sessions.BuildSessions.IDENTITIES,
                beam_sessions.BuildSessions.REPORT,
                main="sessions",
            )
        )
        assert_that(outputs.sessions, check_sessions, "sessions")
        assert_that(outputs.identities, check_identities, "identities")
        assert_that(outputs.report, check_report, "report")


def test_encode_examples_cuts_caps_and_serializes():
    sessions = [
        Session(b"old", 5, [b"a", b"b", b"c"], [5, 6, 7]),
        Session(b"new", 8, [b"c", b"d", b"e"], [8, 8, 9]),
        Session(b"last", 9, [b"a", b"d", b"e"], [9, 9, 9]),
    ]
    options = SessionOptions(max_session_length=2)

    def check_batches(elements):
        found = {(b.split, b.source, b.bucket, b.buckets): b.examples for b in elements}
        assert {key: [decode(e) for e in examples] for key, examples in found.items()} == {
            ("train", "train", 1, 3): [(b"old", 5, (b"b", b"c"), (6, 7))],
            ("eval", "train", 1, 3): [(b"new", 8, (b"c", b"d", b"e"), (8, 8, 9))],
            ("test", "train", 1, 3): [(b"last", 9, (b"a", b"d", b"e"), (9, 9, 9))],
        }

    def check_items(elements):
        assert {key: {*packed.split(b"\n")} for key, packed in elements} == {
            ("train", 0): {b"b", b"c"},
            ("eval", 0): {b"c", b"d", b"e"},
            ("test", 0): {b"a", b"d", b"e"},
        }

    def check_report(elements):
        (found,) = elements
        assert found.counts == {
            **{f"{split}.sessions_with_pause": 0 for split in ("train", "eval", "test")},
            "train.sessions": 1,
            "train.rows_kept": 2,
            "train.sessions_capped": 1,
            "train.rows_capped": 1,
            "eval.sessions": 1,
            "eval.rows_kept": 3,
            "test.sessions": 1,
            "test.rows_kept": 3,
        }

    with TestPipeline(runner=FnApiRunner()) as pipeline:
        outputs = (
            pipeline
            | beam.Create([(("train", 1), packing.pack_sessions(sessions))])
            | beam.ParDo(beam_sessions.EncodeExamples(options, {"train": 3}), (8, 9)).with_outputs(
                beam_sessions.EncodeExamples.ITEMS,
                beam_sessions.EncodeExamples.REPORT,
                main="batches",
            )
        )
        assert_that(outputs.batches, check_batches, "batches")
        assert_that(outputs["items"], check_items, "items")
        assert_that(outputs.report, check_report, "report")


def random_rows(draw, sessions=60, items=12):
    rows = [
        (b"s%d" % session, b"i%d" % draw.randrange(items), NOW + draw.randrange(40))
        for session in range(sessions)
        for _ in range(draw.choice([1, 1, 2, 3, 5, 9]))
    ]
    draw.shuffle(rows)
    return rows


def by_hand(rows):
    """Sessions of at least two events as `decode` gives them, in plain Python."""
    sessions = {}
    for session_id, item_id, time in rows:
        sessions.setdefault(session_id, []).append((time, item_id))
    ordered = {s: sorted(events, key=lambda event: event[0]) for s, events in sessions.items()}
    return sorted(
        (s, events[0][0], tuple(e[1] for e in events), tuple(e[0] for e in events))
        for s, events in ordered.items()
        if len(events) > 1
    )


def test_sessions_equal_those_made_by_hand_whatever_the_pieces_and_buckets(tmp_path):
    draw = random.Random(8)
    for sizes in ((1 << 20, 1 << 20), (100, 64), (37, 1 << 20), (1 << 20, 200)):
        rows, other = random_rows(draw), random_rows(draw, sessions=9)
        (tmp_path / "train.tsv").write_bytes(HEADER + rows_text(rows))
        (tmp_path / "eval.tsv").write_bytes(HEADER + rows_text(other, b"\r\n"))
        patterns = {"train": "train.tsv", "eval": "eval.tsv"}
        examples, counted, rejects = run_graph(tmp_path, patterns, sizes)
        # Sorting is stable, so equal times stay in the file's order.
        assert examples == {"train": by_hand(rows), "eval": by_hand(other), "test": []}
        assert rejects == []
        assert counted.counts["train.items"] == len(
            {item for _, _, items, _ in examples["train"] for item in items}
        )
        rows_add_up(counted.counts, ["train", "eval"], cut_eval=False)


def test_one_file_and_seven_consecutive_shards_give_the_same_examples(tmp_path):
    rows = random_rows(random.Random(21), sessions=200)
    one, seven = tmp_path / "one", tmp_path / "seven"
    for folder in (one, seven):
        folder.mkdir()
    (one / "all.tsv").write_bytes(HEADER + rows_text(rows))
    step = len(rows) // 7 + 1
    for number in range(7):
        part = rows[number * step : (number + 1) * step]
        if number % 3 == 0:
            (seven / f"part-{number}.tsv").write_bytes(HEADER + rows_text(part))
        elif number % 3 == 1:
            text = gzip.compress(HEADER + rows_text(part))
            (seven / f"part-{number}.tsv.gz").write_bytes(text)
        else:
            swapped = b"".join(b"%d\tx\t%s\t%s\n" % (t, i, s) for s, i, t in part)
            text = b"Time\tCategory\tItemId\tSessionId\n" + swapped
            (seven / f"part-{number}.tsv").write_bytes(text)
    expected, _, _ = run_graph(one, {"train": "all.tsv"})
    found, counted, _ = run_graph(seven, {"train": "part-*"}, (500, 300))
    assert found == expected
    assert len(expected["train"]) + len(expected["eval"]) == len(by_hand(rows))
    rows_add_up(counted.counts, ["train"], cut_eval=True)


def test_equal_times_are_ordered_by_file_name_then_offset(tmp_path):
    for name, items in (("b", (b"3", b"4")), ("a", (b"1", b"2")), ("c", (b"5", b"6"))):
        text = HEADER + rows_text([(b"s", item, NOW) for item in items])
        (tmp_path / f"{name}.tsv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "eval.csv").write_bytes(b"ItemId,Time,SessionId\nx,1.5,s\ny,1.5,s\n")
    patterns = {"train": "?.tsv.gz", "eval": "eval.csv"}
    for size in (8, 1 << 20):
        examples, _, _ = run_graph(tmp_path, patterns, (size, size))
        assert examples["train"] == [(b"s", NOW, (b"1", b"2", b"3", b"4", b"5", b"6"), (NOW,) * 6)]
        # The same session id in another split's file is another session.
        assert examples["eval"] == [(b"s", 1500, (b"x", b"y"), (1500, 1500))]


def test_eval_is_cut_from_train_by_start_and_test_is_left_alone(tmp_path):
    rows = [(b"s%d" % n, b"i%d" % k, NOW + 1000 * (n // 2) + k) for n in range(20) for k in (0, 1)]
    late = [(b"late", b"i", NOW + 10**6 + k) for k in (0, 1)]
    (tmp_path / "train.tsv").write_bytes(HEADER + rows_text(rows))
    (tmp_path / "test.tsv").write_bytes(HEADER + rows_text(late))
    patterns = {"train": "train.tsv", "test": "test.tsv"}
    # 3 of 20 sessions; two start together at the cut, so both go.
    for options in ({"eval_fraction": 0.15}, {"eval_hours": 2 / 3600}):
        examples, counted, _ = run_graph(tmp_path, patterns, (50, 50), **options)
        assert {e[0] for e in examples["eval"]} == {b"s16", b"s17", b"s18", b"s19"}
        assert len(examples["train"]) == 16
        assert [e[0] for e in examples["test"]] == [b"late"]
        rows_add_up(counted.counts, ["train", "test"], cut_eval=True)


def test_one_file_gives_all_three_splits_by_start_time(tmp_path):
    draw = random.Random(21)
    options = {"eval_fraction": 0.25}
    for sizes in ((1 << 20, 1 << 20), (90, 300)):
        rows = random_rows(draw)
        expected = sorted(by_hand(rows), key=lambda session: session[1])
        (tmp_path / "train.tsv").write_bytes(HEADER + rows_text(rows))
        tail = TailOptions(test_fraction=0.3)
        examples, counted, _ = run_graph(
            tmp_path, {"train": "train.tsv"}, sizes, tail=tail, **options
        )
        cuts = cuts_of([session[1] for session in expected], SessionOptions(**options), tail)
        for split, found in examples.items():
            wanted = [s for s in expected if output_split("train", s[1], cuts) == split]
            assert found == sorted(wanted)
            assert counted.counts[f"{split}.sessions"] == len(found) > 0
            assert counted.counts[f"{split}.first_start"] == min(s[1] for s in found)
        rejected = sum(counted.counts.get(f"train.rows_rejected.{r}", 0) for r in REJECT_REASONS)
        left = sum(
            counted.counts.get(f"{split}.rows_{what}", 0)
            for split in examples
            for what in ("kept", "too_short", "capped", "repeated", "sampled_out")
        )
        assert counted.counts["train.rows_read"] == rejected + left == len(rows)


def test_copies_and_shared_ids_are_counted_across_files_pieces_and_buckets(tmp_path):
    rows = [(b"s%d" % (n % 40), b"i%d" % n, NOW + 1000 * n) for n in range(160)]
    later = [(name, item, time + 10**6) for name, item, time in rows if int(name[1:]) < 15]
    new = [(b"t%d" % (n % 30), b"i", NOW + 10**7 + n) for n in range(60)]
    test = rows + new
    random.Random(5).shuffle(test)
    (tmp_path / "train.tsv").write_bytes(HEADER + rows_text(rows))
    (tmp_path / "eval.tsv").write_bytes(HEADER + rows_text(later))
    (tmp_path / "test.tsv.gz").write_bytes(gzip.compress(HEADER + rows_text(test)))
    patterns = {"train": "train.tsv", "eval": "eval.tsv", "test": "test.tsv.gz"}
    for sizes in ((1 << 20, 1 << 20), (100, 300)):
        _, counted, _ = run_graph(tmp_path, patterns, sizes)
        found = {
            name: n for name, n in counted.counts.items() if "_in." in name or "_from." in name
        }
        assert found == {
            "eval.sessions_also_in.train": 15,
            "eval.sessions_copied_from.train": 0,
            "test.sessions_also_in.train": 40,
            "test.sessions_copied_from.train": 40,
            "test.sessions_also_in.eval": 15,
            "test.sessions_copied_from.eval": 0,
        }
        assert counted.counts["test.sessions_before_end_of.train"] == 39


def test_bad_rows_go_to_the_rejects_with_file_offset_reason_and_text(tmp_path):
    text = HEADER + b"s\ti1\t5\ns\ti2\n\ti3\t6\ns\ti4\tsoon\ns\t\xe9\t7\ns\ti5\t8\n"
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "eval.tsv").write_bytes(HEADER + b"s\ti\t1\ns\ti\t2\nbad\n")
    patterns = {"train": "a.tsv.gz", "eval": "eval.tsv"}
    examples, counted, rejects = run_graph(tmp_path, patterns, time_unit="milliseconds")
    assert examples["train"] == [(b"s", 5, (b"i1", b"i5"), (5, 8))]
    train = [reject for reject in rejects if reject["split"] == "train"]
    assert [(reject["reason"], reject["text"]) for reject in train] == [
        ("field_count", "s\ti2"),
        ("empty_id", "\ti3\t6"),
        ("time", "s\ti4\tsoon"),
        ("encoding", "s\t\\xe9\t7"),
    ]
    for reject in train:
        assert reject["file"] == str(tmp_path / "a.tsv.gz")
        raw = reject["text"].replace("\\xe9", "\xe9").encode("latin-1")
        assert text[reject["offset"] :].startswith(raw + b"\n")
    assert len(rejects) == 5
    rows_add_up(counted.counts, ["train", "eval"], cut_eval=False)


def test_random_input_is_accounted_for_row_by_row(tmp_path):
    draw = random.Random(33)
    for _ in range(6):
        lines = [b"%s\t%s\t%d\n" % row for row in random_rows(draw, sessions=80)]
        bad = [b"x\n", b"\ti\t1\n", b"s\ti\tnever\n", b"s\t\xff\t1\n", b"\n", b"\r\n"]
        lines += [draw.choice(bad) for _ in range(draw.randrange(30))]
        draw.shuffle(lines)
        (tmp_path / "train.tsv").write_bytes(HEADER + b"".join(lines))
        options = {
            "drop_immediate_repeats": draw.random() < 0.5,
            "max_session_length": draw.choice([None, 2, 4]),
            "sample_fraction": draw.choice([1.0, 0.6]),
            "min_session_length": draw.choice([1, 2]),
        }
        examples, counted, rejects = run_graph(
            tmp_path, {"train": "train.tsv"}, (draw.randrange(20, 900), 300), **options
        )
        counts = Counter(counted.counts)
        assert counts["train.rows_read"] == sum(line.strip() != b"" for line in lines)
        assert len(rejects) == sum(counts[f"train.rows_rejected.{r}"] for r in REJECT_REASONS)
        rows_add_up(counts, ["train"], cut_eval=True)
        for split in ("train", "eval"):
            assert counts[f"{split}.sessions"] == len(examples[split])
            assert counts[f"{split}.rows_kept"] == sum(len(e[2]) for e in examples[split])
            items = {item for example in examples[split] for item in example[2]}
            assert counts[f"{split}.items"] == len(items)


def test_files_do_not_depend_on_the_order_of_rows_with_different_times(tmp_path):
    rows = [(b"s%d" % (n % 30), b"i%d" % n, NOW + n) for n in range(200)]
    records = []
    for seed in (1, 2):
        random.Random(seed).shuffle(rows)
        (tmp_path / "train.tsv").write_bytes(HEADER + rows_text(rows))
        run_graph(tmp_path, {"train": "train.tsv"}, (90, 500))
        folder = tmp_path / "out" / "Split-train"
        records.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(records[0]) > 1
    assert records[0] == records[1]


def test_a_packed_file_that_breaks_off_is_reported(tmp_path):
    text = gzip.compress(HEADER + rows_text(random_rows(random.Random(1), sessions=5000)))
    (tmp_path / "train.tsv.gz").write_bytes(text[: len(text) // 2])
    _, counted, _ = run_graph(tmp_path, {"train": "train.tsv.gz"})
    with pytest.raises(SessionDataError) as caught:
        ingest_counts.check_report(counted, [], [], CutRules(SessionOptions()))
    assert str(caught.value) == (
        f"{tmp_path}/train.tsv.gz is damaged, it cannot be unpacked to its end: it ends before its "
        "last compressed block does"
    )


def test_an_eval_cut_that_takes_all_says_so(tmp_path):
    rows = [(b"s%d" % n, b"i", NOW + n) for n in range(5) for _ in (0, 1)]
    (tmp_path / "a.tsv").write_bytes(HEADER + rows_text(rows))
    _, counted, _ = run_graph(tmp_path, {"train": "a.tsv"}, eval_hours=24)
    inputs = find(tmp_path, {"train": "a.tsv"})
    with pytest.raises(
        SessionDataError, match=r"of its 5 sessions in .* nothing is left for train"
    ):
        ingest_counts.check_report(counted, inputs, ["train", "eval"], CutRules(SessionOptions()))


@pytest.mark.parametrize("rows", [b"\n", b"s\ti\tsoon\n"], ids=["a blank line", "a bad row"])
def test_an_eval_without_a_usable_row_is_not_cut_from_train(tmp_path, rows):
    (tmp_path / "train.tsv").write_bytes(
        HEADER + rows_text(random_rows(random.Random(2), sessions=40))
    )
    (tmp_path / "eval.tsv").write_bytes(HEADER + rows)
    patterns = {"train": "train.tsv", "eval": "eval.tsv"}
    examples, counted, _ = run_graph(tmp_path, patterns)
    assert examples["eval"] == []
    with pytest.raises(SessionDataError, match=r"Split 'eval' has no session left\. Read from .*"):
        ingest_counts.check_report(
            counted,
            find(tmp_path, patterns),
            ["train", "eval"],
            CutRules(SessionOptions(max_reject_fraction=1.0)),
        )


VISITORS = {
    "visitor_column": "visitorid",
    "item_column": "itemid",
    "time_column": "timestamp",
    "event_column": "event",
    "event_types": ("view",),
}


def raw_log(draw, visitors=40):
    """Rows of a raw log, and the sessions of at least two views in it, as `decode` gives them."""
    rows, sessions = [], []
    for visitor in range(visitors):
        time = NOW + draw.randrange(10**8)
        for _ in range(draw.randrange(1, 4)):
            start, views = time, []
            for _ in range(draw.randrange(1, 8)):
                kind = draw.choice([b"view", b"view", b"addtocart"])
                item = b"i%d" % draw.randrange(9)
                rows.append(b"%d,v%d,%s,%s,\n" % (time, visitor, kind, item))
                if kind == b"view":
                    views.append((item, time))
                last, time = time, time + draw.randrange(1, 1_800_001)
            time = last + 1_800_001 + draw.randrange(10**7)
            if len(views) > 1:
                items, times = zip(*views, strict=True)
                sessions.append((b"v%d@%d" % (visitor, start), start, items, times))
    return rows, sorted(sessions)


def test_a_raw_log_gives_the_examples_of_its_sessions_written_as_a_log(tmp_path):
    draw = random.Random(19)
    rows, sessions = raw_log(draw)
    draw.shuffle(rows)
    header = b"timestamp,visitorid,event,itemid,transactionid\n"
    raw, cut = tmp_path / "raw", tmp_path / "cut"
    raw.mkdir()
    cut.mkdir()
    tail = TailOptions(test_fraction=0.2)
    for name, part in (("a", rows[:70]), ("b", rows[70:90]), ("c", rows[90:])):
        text = header + b"".join(part) + b"".join(part[:5])  # some rows twice
        (raw / f"{name}.csv.gz").write_bytes(gzip.compress(text))
    events = [
        (session, item, time)
        for session, _, items, times in sessions
        for item, time in zip(items, times, strict=True)
    ]
    (cut / "all.tsv").write_bytes(HEADER + rows_text(events))
    found, counted, _ = run_graph(raw, {"train": "*.csv.gz"}, (200, 300), tail, **VISITORS)
    expected, _, _ = run_graph(cut, {"train": "all.tsv"}, tail=tail)
    splits = {session[0]: split for split in found for session in found[split]}
    assert sorted(s for part in found.values() for s in part) == sessions
    # The log of sessions does not know of a cart before the first view.
    moved = {s[0] for s in sessions if s[1] != s[3][0]}
    assert moved
    for split, part in expected.items():
        for session_id, _, items, times in part:
            whole = (session_id, int(session_id.split(b"@")[1]), items, times)
            assert session_id in moved or splits[session_id] == split
            assert whole in found[splits[session_id]]
    counts = counted.counts
    assert counts["train.rows_doubled"] == 15
    left = ("rows_kept", "rows_too_short", "rows_doubled", "rows_of_other_types")
    assert (
        counts["train.rows_read"]
        == len(rows) + 15
        == sum(counts.get(f"{split}.{name}", 0) for split in found for name in left)
    )


def test_no_session_of_days_is_cut_at_midnight_or_counted_twice(tmp_path):
    """Files cut at midnight give the sessions of the whole log, each on the day it starts."""
    draw = random.Random(23)
    first = NOW // MS_PER_DAY * MS_PER_DAY
    rows, events = [], []
    for visitor in range(60):
        time = first + draw.randrange(5 * MS_PER_DAY)
        for _ in range(draw.randrange(2, 60)):
            events.append((b"v%d" % visitor, b"i%d" % draw.randrange(30), time))
            time += draw.choice([60_000, 1_200_000, 1_800_000, 1_800_001, 20_000_000])
    events = [each for each in events if each[2] < first + 6 * MS_PER_DAY]
    draw.shuffle(events)
    days = {}
    for event in events:
        days.setdefault(event[2] // MS_PER_DAY, []).append(event)
    header = b"visitor\tItemId\tTime\n"
    for day, rows in days.items():
        date = datetime.date(1970, 1, 1) + datetime.timedelta(day)
        (tmp_path / f"log-{date}.tsv").write_bytes(header + rows_text(rows))
    options = {"visitor_column": "visitor"}
    whole, _, _ = run_graph(tmp_path, {"train": "log-*.tsv"}, **options)
    by_day = {}
    for session in (session for part in whole.values() for session in part):
        by_day.setdefault(session[1] // MS_PER_DAY, []).append(session)
    crossing = 0
    for test in sorted(days)[2:-1]:
        window = find_window(str(tmp_path), "log-{YYYY}-{MM}-{DD}.tsv", 1, test)
        entries = [("train", p) for p in (*window.patterns.values(), *window.around)]
        inputs = input_files.find_input(str(tmp_path), entries, SessionOptions(**options))
        begin = test * MS_PER_DAY
        period = Period(begin - MS_PER_DAY, begin, begin + MS_PER_DAY)
        found, counted, _ = run_inputs(tmp_path, inputs, period=period, **options)
        assert found["test"] == sorted(by_day[test])
        assert sorted(found["train"] + found["eval"]) == sorted(by_day[test - 1])
        assert found["eval"] and max(s[1] for s in found["train"]) < min(
            s[1] for s in found["eval"]
        )
        crossing += sum(s[3][-1] >= period.end for s in found["test"])
        names = ("rows_kept", "rows_too_short", "rows_of_other_days")
        lost = sum(counted.counts.get(f"{s}.{name}", 0) for s in found for name in names)
        assert counted.counts["train.rows_read"] == lost
        assert counted.counts["train.rows_of_other_days"] > 0
    assert crossing > 3


def test_a_raw_log_with_one_type_gives_the_same_bytes(tmp_path):
    rows, _ = raw_log(random.Random(20))
    views = [row.split(b",") for row in rows if b"view" in row]
    named = {**VISITORS, "event_column": None, "event_types": None}
    text = b"timestamp,visitorid,itemid\n" + b"".join(
        b"%s,%s,%s\n" % (time, visitor, item) for time, visitor, _, item, _ in views
    )
    (tmp_path / "raw.csv").write_bytes(text)
    sessions, _, _ = run_graph(tmp_path, {"train": "raw.csv"}, **named)
    folder = tmp_path / "out"
    records = {p.relative_to(folder): p.read_bytes() for p in folder.glob("Split-*/*")}
    events = [
        (session, item, time)
        for part in sessions.values()
        for session, _, items, times in part
        for item, time in zip(items, times, strict=True)
    ]
    (tmp_path / "cut.tsv").write_bytes(HEADER + rows_text(events))
    run_graph(tmp_path, {"train": "cut.tsv"})
    assert records == {p.relative_to(folder): p.read_bytes() for p in folder.glob("Split-*/*")}
    assert len(records) == 2
