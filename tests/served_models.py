"""Output folders that look as if a run had trained and pushed a version on some sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from modules.files.learned_data import LearnedData, write_learned
from modules.files.model_folder import ITEM_LIST
from modules.sessions.examples import ExampleEncoder
from pipeline.monitor.skew import Features
from pipeline.monitor.training_data import read_sessions
from tests.metadata_store import COMPLETE, Store
from tests.request_logs import START

Items = Sequence[Sequence[str]]
DAY_MS = 86_400_000


def write_version(folder: Path, sessions: Items) -> Path:
    """Writes what is read of a pushed version: the list of its items, and what it learned."""
    counts = Counter(item for items in sessions for item in items)
    (folder / "assets").mkdir(parents=True)
    names = [item for item, _ in counts.most_common()]
    (folder / "assets" / ITEM_LIST).write_text("\n".join(names) + "\n", encoding="utf-8")
    (folder / "saved_model.pb").write_text("graph", encoding="utf-8")
    end = round(1000 * START) - DAY_MS
    learned = LearnedData(
        ("train",), len(sessions), counts.total(), len(counts), end - DAY_MS, end, end, ""
    )
    write_learned(str(folder), learned)
    return folder


def write_examples(folder: Path, sessions: Items) -> Path:
    """Writes sessions as SessionExampleGen does, as split train."""
    split = folder / "Split-train"
    split.mkdir(parents=True)
    encoder = ExampleEncoder()
    with tf.io.TFRecordWriter(str(split / "data-00000-of-00001.gz"), "GZIP") as writer:
        for number, items in enumerate(sessions):
            ids = [item.encode() for item in items]
            writer.write(encoder.encode(b"%d" % number, 0, ids, range(len(ids))))
    return folder


def finish_run(out: Path, sessions: Items, version: int = 7, run: str = "run-1") -> Path:
    """Leaves a run that pushed a version, and returns its Examples."""
    write_version(out / "pushed" / str(version), sessions)
    examples = write_examples(out / "artifacts" / "SessionExampleGen" / run, sessions)
    statistics = out / "artifacts" / "StatisticsGen" / run / "Split-train" / "FeatureStats.pb"
    statistics.parent.mkdir(parents=True)
    found = Features((), 1).statistics(read_sessions([str(examples / "Split-train")]))
    statistics.write_bytes(found.SerializeToString())
    store = Store(out / "metadata.sqlite")
    store.node(run, "shop.SessionExampleGen", COMPLETE, examples={"uri": str(examples)})
    uri = {"uri": str(statistics.parents[1])}
    store.node(run, "shop.StatisticsGen", COMPLETE, statistics=uri)
    pushed = {"pushed": 1, "pushed_destination": f"/elsewhere/{version}"}
    store.node(run, "shop.Pusher", COMPLETE, pushed_model=pushed)
    return examples
