"""SessionExampleGen run by TFX: driver, executor, metadata, cache."""

import gzip
import json
import os
from pathlib import Path

import ml_metadata as mlmd
import pytest
import tensorflow as tf
from tfx.components import StatisticsGen
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.session_example_gen.node import SessionExampleGen
from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.sessions.row_checks import REJECT_REASONS
from modules.sessions.sessions import SessionDataError

BEAM_ARGS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    # Any value keeps TFX from packing itself for remote workers, 2 s per node.
    "--sdk_container_image=unused",
]
HEADER = "SessionId\tItemId\tTime\n"
NOW = 1_442_000_000_000
KINDS = ((0, "cart"), (1, "view"), (2, "view"))
DATA = Path(os.environ.get("SESSION_DATA") or Path(__file__).parents[3] / "shared" / "data")
RETAILROCKET = DATA / "retailrocket" / "retailrocket_processed_view_train_valid.tsv"


def click_log(sessions, length=3, start=NOW, prefix="s"):
    return HEADER + "".join(
        f"{prefix}{number}\ti{(number + step) % 7}\t{start + 1000 * number + step}\n"
        for number in range(sessions)
        for step in range(length)
    )


class Runs:
    """Runs of one pipeline with its own folder and metadata."""

    def __init__(self, folder):
        self.folder = folder
        database = str(folder / "metadata.db")
        self.metadata_config = metadata.sqlite_metadata_connection_config(database)

    def run(
        self, patterns, base, source_digest="", downstream=False, beam_args=(), tail=None, **options
    ):
        splits = [example_gen_pb2.Input.Split(name=n, pattern=p) for n, p in patterns.items()]
        node = SessionExampleGen(
            input_base=str(base),
            input_config=example_gen_pb2.Input(splits=splits),
            sessions=SessionOptions(**options),
            source_digest=source_digest,
            tail=tail or TailOptions(),
        )
        nodes = [node, StatisticsGen(examples=node.outputs["examples"])] if downstream else [node]
        LocalDagRunner().run(
            pipeline.Pipeline(
                pipeline_name="ingest",
                pipeline_root=str(self.folder / "root"),
                components=nodes,
                enable_cache=True,
                metadata_connection_config=self.metadata_config,
                beam_pipeline_args=[*BEAM_ARGS, *beam_args],
            )
        )

    @property
    def store(self):
        return mlmd.MetadataStore(self.metadata_config)

    def last_state(self):
        execution = max(self.store.get_executions(), key=lambda e: e.id)
        return mlmd.proto.Execution.State.Name(execution.last_known_state)

    def examples(self):
        """Returns the newest Examples artifact."""
        return max(self.store.get_artifacts_by_type("Examples"), key=lambda artifact: artifact.id)

    def counts(self):
        properties = self.examples().custom_properties
        return {
            name: value.int_value
            for name, value in properties.items()
            if value.WhichOneof("value") == "int_value" and "." in name
        }

    def features(self, split):
        paths = sorted(map(str, Path(self.examples().uri, f"Split-{split}").glob("*")))
        records = tf.data.TFRecordDataset(paths, "GZIP").as_numpy_iterator()
        return [tf.train.Example.FromString(record).features.feature for record in records]

    def sessions(self, split):
        return {
            f["session_id"].bytes_list.value[0].decode(): [
                item.decode() for item in f["item_ids"].bytes_list.value
            ]
            for f in self.features(split)
        }


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


def test_what_is_dropped_of_visitors_lands_in_metadata(runs, tmp_path):
    rows = [f"{NOW + 9 * 10**6 * n + at},v,{kind},i{at}" for n in range(4) for at, kind in KINDS]
    rows += [rows[0], "0,v,view,i"]
    rows += [f"{NOW + at},bot,view,i{at}" for at in range(20)]
    rows += [f"{NOW + at},shop,view,i{at}" for at in range(31)]
    rows += [f"{NOW + at},{who},view,i{at}" for at in range(2) for who in ("gone", "here")]
    rows += [f"{NOW + 9 * 10**6},here,view,i"]
    rows += [f"{NOW + at},fast,view,i{at}" for at in range(11)]
    (tmp_path / "events.csv").write_text("\n".join(["Time,visitor,event,ItemId", *rows]))
    (tmp_path / "forget.txt").write_text(f"gone\nhere@{NOW}\nnobody\n")
    runs.run(
        {"train": "events.csv"},
        tmp_path,
        **{"visitor_column": "visitor", "event_column": "event", "event_types": ("view",)},
        **{"max_events_per_day": 15, "max_visitor_events": 30, "max_events_per_minute": 10},
        forget_file=str(tmp_path / "forget.txt"),
        event_weights={"view": 2.0},
    )
    counts = runs.counts()
    dropped = {
        **{"train.rows_doubled": 1, "train.rows_of_clock_outliers": 1, "train.bots": 1},
        **{"train.rows_of_bots": 20, "train.large_visitors": 1, "train.rows_of_large_visitors": 31},
        **{"train.bots_by_minute": 1, "train.rows_of_bots_by_minute": 11},
        **{"train.rows_of_other_types": 4, "train.rows_forgotten": 4, "train.rows_too_short": 1},
    }
    assert {name: counts[name] for name in dropped} == dropped
    assert (counts["train.rows_kept"], counts["eval.rows_kept"]) == (6, 2)
    lost = sum(count for name, count in dropped.items() if ".rows_" in name)
    assert counts["train.rows_read"] == len(rows) == lost + 8
    assert list(runs.sessions("eval")) == [f"v@{NOW + 27 * 10**6}"]
    assert (counts["train.events_weighted"], counts["eval.events_weighted"]) == (6, 2)
    (example,) = runs.features("eval")
    assert list(example["event_weights"].float_list.value) == [2.0, 2.0]


def test_rare_items_are_dropped_however_many_turns_that_takes(runs, tmp_path):
    # Each turn drops both ends of the chain alone: 13 turns, more than one run of the graph has.
    chain = [
        (f"c{at}", f"i{at + step}", NOW + 1000 * at + step) for at in range(26) for step in (0, 1)
    ]
    core = [(f"s{at}", f"x{step}", NOW + 10 * at + step) for at in range(20) for step in (0, 1)]
    rows = "".join("\t".join(map(str, row)) + "\n" for row in chain + core)
    (tmp_path / "a.tsv").write_text(HEADER + rows)
    runs.run({"train": "a.tsv"}, tmp_path, min_item_support=2)
    counts = runs.counts()
    kept = runs.sessions("train") | runs.sessions("eval")
    assert kept == {f"s{at}": ["x0", "x1"] for at in range(20)}
    assert counts["train.sessions_too_short"] == 26
    lost = counts["train.rows_of_rare_items"] + counts["train.rows_too_short"]
    assert counts["train.rows_read"] == lost + 40
    listed = Path(runs.examples().uri, "rejects", "rare_items.txt").read_text().split("\n")
    assert len(listed) == counts["train.rare_items"] and set(listed) <= {f"i{n}" for n in range(27)}


def test_counts_and_rejects_land_in_metadata_and_statistics_follow(runs, tmp_path):
    train = click_log(40) + "s1\tbroken\n" + f"only\tone\t{NOW}\n"
    (tmp_path / "train.csv.gz").write_bytes(gzip.compress(train.replace("\t", ",").encode()))
    (tmp_path / "test.tsv").write_text(click_log(5, prefix="t").replace("\n", "\r\n"))
    patterns = {"train": "train.csv.gz", "test": str(tmp_path / "test.tsv")}
    runs.run(
        patterns,
        tmp_path,
        downstream=True,
        eval_fraction=0.25,
        max_session_length=2,
        max_reject_fraction=0.1,
    )
    counts = runs.counts()
    zeros = {
        f"{split}.{name}": 0
        for split in ("train", "eval", "test")
        for name in (
            *("rows_repeated", "sessions_sampled_out", "rows_sampled_out", "sessions_too_short"),
            *("rows_too_short", "sessions_capped", "rows_capped", "sessions_before_1990"),
            *("sessions_in_future", "sessions_beyond_fraction", "sessions_with_pause"),
        )
    }
    rejects = {f"{s}.rows_rejected.{r}": 0 for s in ("train", "test") for r in REJECT_REASONS}
    assert counts == {
        **zeros,
        **rejects,
        "train.files": 1,
        "test.files": 1,
        "train.rows_read": 122,
        "train.rows_rejected.field_count": 1,
        "train.sessions_too_short": 1,
        "train.rows_too_short": 1,
        "train.sessions": 30,
        "train.sessions_capped": 30,
        "train.rows_capped": 30,
        "train.rows_kept": 60,
        "train.items": 7,
        "eval.sessions": 10,
        "eval.rows_kept": 30,
        "eval.items": 7,
        "test.rows_read": 15,
        "test.sessions": 5,
        "test.rows_kept": 15,
        "test.items": 7,
        "train.distinct_starts": 40,
        "train.first_start": NOW,
        "train.last_start": NOW + 29_000,
        "eval.first_start": NOW + 30_000,
        "eval.last_start": NOW + 39_000,
        "eval.sessions_before_end_of.train": 0,
        "test.distinct_starts": 5,
        "test.first_start": NOW,
        "test.last_start": NOW + 4_000,
        "test.sessions_before_end_of.train": 5,
        "test.sessions_before_end_of.eval": 5,
        "test.sessions_also_in.train": 0,
        "test.sessions_copied_from.train": 0,
    }
    artifact = runs.examples()
    split_names = artifact.properties["split_names"].string_value
    assert artifact_utils.decode_split_names(split_names) == ["train", "eval", "test"]
    assert artifact.custom_properties["file_format"].string_value == "tfrecords_gzip"
    assert artifact.custom_properties["payload_format"].string_value == "FORMAT_TF_EXAMPLE"
    assert sorted(path.name for path in Path(artifact.uri).iterdir()) == [
        "Split-eval",
        "Split-test",
        "Split-train",
        "rejects",
    ]
    (rejected,) = Path(artifact.uri, "rejects").glob("*.jsonl")
    assert json.loads(rejected.read_text()) == {
        "split": "train",
        "file": str(tmp_path / "train.csv.gz"),
        "offset": train.index("s1\tbroken"),
        "reason": "field_count",
        "text": "s1,broken",
    }
    assert set(runs.sessions("eval")) == {f"s{number}" for number in range(30, 40)}
    assert runs.sessions("train")["s1"] == ["i2", "i3"]
    (statistics,) = runs.store.get_artifacts_by_type("ExampleStatistics")
    assert {path.name for path in Path(statistics.uri).iterdir()} == {
        "Split-train",
        "Split-eval",
        "Split-test",
    }


def test_the_cache_sees_files_options_and_code(runs, tmp_path):
    for name in ("train", "eval"):
        (tmp_path / f"{name}.tsv").write_text(click_log(4, prefix=name[0]))
    patterns = {"train": "train.tsv", "eval": "eval.tsv"}
    runs.run(patterns, tmp_path)
    assert runs.last_state() == "COMPLETE"
    first = runs.examples().id
    runs.run(patterns, tmp_path)
    assert runs.last_state() == "CACHED"
    assert runs.examples().id == first
    runs.run(patterns, tmp_path, source_digest="edited code")
    assert runs.last_state() == "COMPLETE"
    runs.run(patterns, tmp_path, min_session_length=3)
    assert runs.last_state() == "COMPLETE"
    listed = tmp_path / "forget.txt"
    for name, state in (("t1", "COMPLETE"), ("t1", "CACHED"), ("t2", "COMPLETE")):
        listed.write_text(f"{name}\n")
        os.utime(listed, (0, 0))
        runs.run(patterns, tmp_path, forget_file=str(listed))
        assert runs.last_state() == state
        assert set(runs.sessions("train")) == {f"t{n}" for n in range(4)} - {name}
        assert runs.counts()["train.rows_forgotten"] == 3
    # Same length and second: TFX's own fingerprint would not see it.
    train = tmp_path / "train.tsv"
    written = train.stat().st_mtime_ns
    train.write_text(click_log(4, prefix="t").replace("i3", "j3"))
    changed = written + 1_000 if written % 10**9 < 10**9 // 2 else written - 1_000
    os.utime(train, ns=(changed, changed))
    runs.run(patterns, tmp_path)
    assert runs.last_state() == "COMPLETE"
    assert runs.sessions("train")["t1"] == ["i1", "i2", "j3"]


def test_one_file_gives_all_splits_of_the_artifact(runs, tmp_path):
    (tmp_path / "clicks.tsv").write_text(click_log(40))
    tail = TailOptions(test_fraction=0.25)
    runs.run({"train": "clicks.tsv"}, tmp_path, tail=tail, eval_fraction=0.2)
    split_names = runs.examples().properties["split_names"].string_value
    assert artifact_utils.decode_split_names(split_names) == ["train", "eval", "test"]
    assert set(runs.sessions("test")) == {f"s{number}" for number in range(30, 40)}
    assert set(runs.sessions("eval")) == {f"s{number}" for number in range(24, 30)}
    assert set(runs.sessions("train")) == {f"s{number}" for number in range(24)}
    assert runs.counts()["test.first_start"] == NOW + 30_000


def test_the_latest_span_and_version_are_read(runs, tmp_path):
    for span, version, sessions in ((1, 1, 3), (2, 1, 4), (2, 10, 5), (2, 9, 6)):
        folder = tmp_path / f"week-{span}" / f"v{version}"
        folder.mkdir(parents=True)
        for part in range(2):
            text = click_log(sessions, prefix=f"part{part}-")
            (folder / f"train-{part}.tsv").write_text(text)
        (folder / "eval.tsv").write_text(click_log(sessions, prefix="e"))
    patterns = {
        "train": "week-{SPAN}/v{VERSION}/train-*.tsv",
        "eval": "week-{SPAN}/v{VERSION}/eval.tsv",
    }
    runs.run(patterns, tmp_path)
    properties = runs.examples().custom_properties
    assert (properties["span"].int_value, properties["version"].int_value) == (2, 10)
    assert runs.counts()["train.sessions"] == 10
    assert runs.counts()["eval.sessions"] == 5
    runs.run(patterns, tmp_path)
    assert runs.last_state() == "CACHED"
    new = tmp_path / "week-3" / "v1"
    new.mkdir(parents=True)
    for name in ("train-0.tsv", "eval.tsv"):
        (new / name).write_text(click_log(2, prefix=name[0]))
    runs.run(patterns, tmp_path)
    assert runs.last_state() == "COMPLETE"
    assert runs.examples().custom_properties["span"].int_value == 3


@pytest.mark.exhaustive
def test_workers_in_other_processes_write_the_same_files(runs, tmp_path):
    for part in range(4):
        (tmp_path / f"train-{part}.tsv").write_text(click_log(9, prefix=f"p{part}-") + "bad\n")
    written = []
    for beam_args in ([], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]):
        digest = f"run {len(written)}"
        options = {"beam_args": beam_args, "max_reject_fraction": 0.1}
        runs.run({"train": "train-*.tsv"}, tmp_path, source_digest=digest, **options)
        uri = Path(runs.examples().uri)
        files = {str(p.relative_to(uri)): p.read_bytes() for p in uri.rglob("*.gz")}
        rejects = {p.name: p.read_bytes() for p in uri.glob("rejects/*.jsonl")}
        written.append((files, rejects, runs.counts()))
    assert len(written[0][0]) == 2
    assert len(written[0][1]) == 4
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ({"train": "none.tsv"}, r"no input file: .*none\.tsv matches nothing"),
        ({"train": "{SPAN}/none.tsv"}, r"patterns under .* match no set of files: .*none\.tsv"),
        ({"train": "train.tsv", "test": "copy.tsv"}, r"train\.tsv \(split 'train'\) and .*copy"),
        ({"train": "train.tsv", "test": "bad.tsv"}, r"5 of 6 rows in .*bad\.tsv are bad \(83.33%"),
        ({"train": "train.tsv", "test": "short.tsv"}, r"'test' has no session left.*short\.tsv"),
    ],
)
def test_input_that_cannot_be_used_stops_the_run_with_our_message(
    runs, tmp_path, patterns, message
):
    (tmp_path / "train.tsv").write_text(click_log(20))
    (tmp_path / "copy.tsv").write_text(click_log(20))
    (tmp_path / "bad.tsv").write_text(click_log(1, length=1) + "broken\n" * 5)
    (tmp_path / "short.tsv").write_text(click_log(9, length=1))
    with pytest.raises(SessionDataError, match=message) as caught:
        runs.run(patterns, tmp_path)
    assert "Traceback" not in str(caught.value)
    assert runs.store.get_artifacts_by_type("Examples") == []


@pytest.mark.skipif(not RETAILROCKET.exists(), reason=f"{RETAILROCKET} is not there")
def test_the_retailrocket_weeks_are_read_whole(runs):
    test = RETAILROCKET.name.replace("train_valid", "test")
    runs.run({"train": RETAILROCKET.name, "test": test}, RETAILROCKET.parent)
    counts = runs.counts()
    assert (counts["train.rows_read"], counts["test.rows_read"]) == (33_812, 29_148)
    assert counts["test.sessions"] == 8_036
    assert counts["train.sessions"] + counts["eval.sessions"] == 9_408
    paused = sum(counts[f"{split}.sessions_with_pause"] for split in ("train", "eval", "test"))
    assert 50 < paused < 0.01 * (8_036 + 9_408)  # true sessions are no cause of a warning
