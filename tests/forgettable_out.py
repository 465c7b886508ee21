"""A small output folder whose files, written by the product's own code, hold two sessions.

`secret-1` has an item that no other session has; `common-2` has items that others have too.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from modules.evaluation.rank_table import RankTable, to_parquet
from modules.files.learned_data import LearnedData, write_learned
from modules.files.model_folder import REFERENCE_PREDICTIONS, write_json, write_manifest
from modules.ingest.report import Reject
from modules.serving.warmup_requests import write_warmup_requests
from modules.sessions.examples import ExampleEncoder
from pipeline.run.artifact_digests import ArtifactDigests
from serving.logged_requests import HEADER, LoggedRequest

IDS = (b"secret-1", b"common-2")
ORPHAN = b"only-item"
SESSIONS: Mapping[bytes, tuple[Sequence[bytes], int]] = {
    b"secret-1": ([b"shoes", ORPHAN, b"jacket"], 1_000),
    b"common-2": ([b"jacket", b"shoes"], 2_000),
    b"other-3": ([b"shoes", b"jacket"], 3_000),
    b"other-4": ([b"jacket", b"shoes", b"gloves"], 9_000),
}
"""Items and start, ms, by id."""
_VOCABULARY = (b"shoes", b"jacket", ORPHAN, b"gloves")


def times(start: int, events: int) -> list[int]:
    """Returns the times of a session's events."""
    return [start + 10 * event for event in range(events)]


def artifact(out: Path, name: str, number: int = 2) -> Path:
    """Returns the folder of an artifact, and creates it."""
    folder = out / "artifacts" / name / str(number)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_records(path: Path, records: Sequence[bytes]) -> None:
    """Writes a gzipped TFRecord file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in records:
            writer.write(record)


def examples(out: Path) -> Path:
    """Writes all sessions as Examples, and returns the file."""
    path = artifact(out, "SessionExampleGen/examples") / "Split-train" / "data-00000-of-00001.gz"
    encode = ExampleEncoder().encode
    write_records(
        path,
        [
            encode(session, start, items, times(start, len(items)))
            for session, (items, start) in SESSIONS.items()
        ],
    )
    return path


def rejects(out: Path) -> Path:
    """Writes rejected rows of two sessions, and returns their folder."""
    folder = artifact(out, "SessionExampleGen/examples") / "rejects"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        Reject("train", 0, place, "/logs/a.tsv", "time", f"{session}\tjacket\tnever")
        for place, session in enumerate(("secret-1", "other-3"))
    ]
    lines = "".join(row.to_json() + "\n" for row in rows)
    (folder / "train-0.jsonl").write_text(lines)
    (folder / "report.json").write_text(json.dumps({"counts": {}, "rejects": rows, "errors": []}))
    (out / "rejects.jsonl").write_text(lines)
    return folder


def transformed(out: Path) -> Path:
    """Writes the windows of all sessions, and returns the file."""
    graph = artifact(out, "Transform/transform_graph") / "transform_fn" / "assets"
    graph.mkdir(parents=True, exist_ok=True)
    words = [b"9 [PAD]", b"8 [UNK]", *(b"1 %s" % item for item in _VOCABULARY)]
    (graph / "item_ids").write_bytes(b"\n".join(words) + b"\n")
    rows = []
    for items, start in SESSIONS.values():
        indices = [2 + _VOCABULARY.index(item) for item in items]
        values = {
            "window_item_index": indices + [0] * (4 - len(indices)),
            "session_span": [start, times(start, len(items))[-1], len(items)],
        }
        feature = {
            name: tf.train.Feature(int64_list=tf.train.Int64List(value=value))
            for name, value in values.items()
        }
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        rows.append(example.SerializeToString())
    path = artifact(out, "Transform/transformed_examples") / "Split-train" / "windows-0.gz"
    write_records(path, rows)
    return path


def statistics(out: Path) -> Path:
    """Writes statistics of session and item ids, and returns the file."""
    found = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = found.datasets.add(name="train")
    items = [item.decode() for item in _VOCABULARY]
    for name, values in {"session_id": [i.decode() for i in SESSIONS], "item_ids": items}.items():
        feature = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
        feature.path.step.append(name)
        for value in values:
            feature.string_stats.top_values.add(value=value, frequency=1)
            feature.string_stats.rank_histogram.buckets.add(label=value, sample_count=1)
    path = artifact(out, "StatisticsGen/statistics") / "Split-train" / "FeatureStats.pb"
    path.parent.mkdir(parents=True)
    path.write_bytes(found.SerializeToString())
    return path


def ranks(out: Path) -> Path:
    """Writes the ranks of all steps, and returns the file."""
    ids = sorted(SESSIONS)
    steps = [len(SESSIONS[session][0]) - 1 for session in ids]
    count = sum(steps)
    table = RankTable(
        session_ids=np.array(ids, object),
        offsets=np.cumsum([0, *steps]),
        known=np.ones(count, bool),
        context_length=np.ones(count, np.int64),
        target_count=np.ones(count, np.int64),
        ranks={"candidate": np.ones(count, np.int64)},
        item_age=np.zeros(count, np.int64),
    )
    path = artifact(out, "ModelGate/verdict") / "ranks.parquet"
    path.write_bytes(to_parquet(table))
    return path


def model(folder: Path, first_start: int = 1_000, last_start: int = 5_000) -> Path:
    """Writes the assets of a model that learned sessions of these starts; returns its folder."""
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_text(f"graph of {folder}")
    (folder / "assets").mkdir()
    (folder / "assets" / "item_ids.txt").write_bytes(b"\n".join(_VOCABULARY) + b"\n")
    sessions = [["shoes", ORPHAN.decode()], ["gloves"], ["jacket", "shoes"]]
    answers = [["jacket"], ["shoes"], ["gloves"]]
    content = {"sessions": sessions, "item_ids": answers, "scores": [[1.0], [2.0], [3.0]]}
    write_json(str(folder), REFERENCE_PREDICTIONS, content)
    write_warmup_requests(str(folder), [[item.encode() for item in items] for items in sessions])
    write_learned(str(folder), LearnedData(("train",), 4, 9, 4, first_start, last_start, 0, ""))
    write_manifest(str(folder), "0123456789abcdef and more")
    return folder


def page(out: Path) -> Path:
    """Writes a report with examples and a rejected row, and returns it."""
    entries = "".join(
        '<li>\n<div class="row"><span>seen</span>\n'
        f'<span class="ids">{" → ".join(item.decode() for item in items[:-1])}</span></div>\n'
        f'<div class="row"><span>next</span>\n<span class="ids">{items[-1].decode()} '
        '<span class="note">(rank 3)</span></span></div>\n</li>\n'
        for items, _ in SESSIONS.values()
    )
    row = "<code>&#39;secret-1\\tjacket\\tnever&#39;</code>"
    path = out / "runs" / "2015-09-11-1" / "report.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<p>{row}</p><ol class="sessions">\n{entries}</ol>', "utf-8")
    return path


def summary(out: Path) -> Path:
    """Writes a summary with recommendations for all sessions, and returns it."""
    rows = [
        {
            "items": [item.decode() for item in items[:-1]],
            "next": items[-1].decode(),
            "recommended": ["gloves"],
        }
        for items, _ in SESSIONS.values()
    ]
    path = out / "summary.json"
    path.write_text(json.dumps({"recommendations": {"sessions": rows}}))
    return path


def log(out: Path) -> Path:
    """Writes the log of a run, and returns it."""
    path = out / "logs" / "run.log"
    path.parent.mkdir(parents=True)
    path.write_text(
        "Trainer ... 3 s\n  jacket  ->  gloves\n  shoes, only-item  ->  jacket\n"
        "row 'secret-1\tshoes' rejected\n  gloves  ->  jacket\n"
    )
    return path


def requests(out: Path, visitor: str = "") -> Path:
    """Writes a request log of two sessions, and returns it."""
    path = out / "requests" / "requests-2015-09-11T08-99999999.tsv"
    path.parent.mkdir(parents=True)
    rows = [
        LoggedRequest(session, 1.5, visitor, ("shoes",), 7, "stable", "recommend", ("jacket",), 2.0)
        for session in ("secret-1", "other-3")
    ]
    path.write_text(HEADER + rows[0].line() + rows[1]._replace(visitor="").line())
    return path


def make(out: Path) -> Path:
    """Writes all of these and a model, with digests as a run leaves them; returns the folder."""
    for write in (examples, rejects, transformed, statistics, ranks, page, summary, log, requests):
        write(out)
    model(artifact(out, "Trainer/model") / "Format-Serving")
    model(out / "pushed" / "7")
    (artifact(out, "Evaluator/evaluation") / "metrics").write_text("of all sessions")
    digests(out).record("*")
    digests(out).record_file(out / "summary.json")
    return out


def digests(out: Path) -> ArtifactDigests:
    """Returns the digests of the folder."""
    return ArtifactDigests(out / "artifacts", out / "digests")


def bytes_of(out: Path) -> Mapping[Path, bytes]:
    """Returns all files, unpacked where they are compressed, by path."""
    files = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    return {
        path: gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        for path, content in files.items()
    }
