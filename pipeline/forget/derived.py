"""What nodes made of the sessions: windows, statistics, ranks, rejected rows, and results of them.

Windows hold no ids, but times and items. Vocabularies, evaluations and ranks of baselines must
agree with the Examples, so they are removed, and made again by the next run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from modules.config.options.features import FeatureOptions
from modules.data import session_spans, windowing
from modules.data.item_indices import FIRST_ITEM
from modules.data.vocabulary import VOCABULARY_NAME, read_vocabulary
from modules.evaluation.rank_table import FILE_NAME
from modules.sessions.examples import decode
from pipeline.forget.plan import Change, Forgotten, names_in
from pipeline.forget.sessions import read_records

STATISTICS = "values in statistics"
RANKS, REJECTS = "steps in rank tables", "rejected rows"
RESULTS, CHECKPOINTS = "results that the next run makes again", "checkpoints of interrupted runs"
_RESULTS = ("Evaluator/evaluation", "BaselineEvaluator/baseline_ranks")


def changed_artifacts(out: Path, forgotten: Forgotten) -> Iterator[Change]:
    """Yields the files of artifacts that hold something of such sessions, without it."""
    for root in sorted(out.glob("artifacts*")):
        if forgotten.visits:
            yield from _windows(root, forgotten)
            yield from _statistics(root, forgotten)
            yield from _results(root)
        yield from _ranks(root, forgotten)
        yield from _rejects(sorted(root.glob("SessionExampleGen/examples/*/rejects/*")), forgotten)
    yield from _rejects([path for path in [out / "rejects.jsonl"] if path.is_file()], forgotten)
    if forgotten.visits:
        for folder in sorted((out / "checkpoints").glob("*")):
            yield Change(CHECKPOINTS, folder, 1, None)


def _windows(root: Path, forgotten: Forgotten) -> Iterator[Change]:
    """Finds a session's row by start, end and number of events, and by the items of its windows.

    The vocabulary counts the session's items too, so both outputs go.
    """
    for artifact in sorted(root.glob("Transform/transformed_examples/*")):
        graph = root / "Transform" / "transform_graph" / artifact.name
        words = graph / "transform_fn" / "assets" / VOCABULARY_NAME
        index_of = _index_of(words)
        spans: dict[tuple[int, ...], list[set[int] | None]] = {}
        for visit in forgotten.visits:
            span = (visit.times[0], visit.times[-1], len(visit.times))
            items = {index_of[item] for item in visit.items if item in index_of}
            spans.setdefault(span, []).append(items if index_of else None)
        records = (row for path in artifact.glob("Split-*/*") for row in read_records(path))
        if any(_is_row_of(record, spans) for record in records):
            yield Change(RESULTS, artifact, 1, None)
            if words.is_file():
                yield Change(RESULTS, graph, 1, None)


def _index_of(vocabulary: Path) -> dict[bytes, int]:
    """Returns the index of each item, none if the vocabulary is missing or damaged."""
    try:
        ids = read_vocabulary(vocabulary, FeatureOptions(min_item_count=1)).item_ids
    except (tf.errors.NotFoundError, ValueError):
        return {}
    return {item: FIRST_ITEM + place for place, item in enumerate(ids)}


def _is_row_of(record: bytes, spans: Mapping[tuple[int, ...], list[set[int] | None]]) -> bool:
    features = decode(record)
    sessions = spans.get(tuple(features[session_spans.FEATURE].int64_list.value))
    if not sessions:
        return False
    values = {*features[windowing.FEATURE].int64_list.value} - {0}
    return any(items is None or values <= items for items in sessions)


def _statistics(root: Path, forgotten: Forgotten) -> Iterator[Change]:
    for path in sorted(root.glob("StatisticsGen/statistics/*/Split-*/FeatureStats.pb")):
        content = path.read_bytes()
        if any(name in content for name in forgotten.names):
            changed, count = without_values(content, forgotten)
            if count:
                yield Change(STATISTICS, path, count, changed)


def without_values(content: bytes, forgotten: Forgotten) -> tuple[bytes, int]:
    """Returns TFDV's statistics without examples of the values, and how many there were."""
    found = statistics_pb2.DatasetFeatureStatisticsList.FromString(content)
    names, count = {name.decode("utf-8", "replace") for name in forgotten.names}, 0
    for feature in (one for dataset in found.datasets for one in dataset.features):
        if feature.WhichOneof("stats") != "string_stats":
            continue
        strings = feature.string_stats
        for field, label in (
            (strings.top_values, "value"),
            (strings.rank_histogram.buckets, "label"),
        ):
            kept = [entry for entry in field if getattr(entry, label) not in names]
            count += len(field) - len(kept)
            if len(kept) < len(field):
                copies = [type(entry).FromString(entry.SerializeToString()) for entry in kept]
                del field[:]
                field.extend(copies)
    return found.SerializeToString(), count


def _results(root: Path) -> Iterator[Change]:
    for name in _RESULTS:
        for folder in sorted(root.glob(f"{name}/*")):
            yield Change(RESULTS, folder, 1, None)


def _ranks(root: Path, forgotten: Forgotten) -> Iterator[Change]:
    for path in sorted(root.glob(f"ModelGate/verdict/*/{FILE_NAME}")):
        table = pq.read_table(path)
        kept = [session not in forgotten.ids for session in table["session_id"].to_pylist()]
        if not all(kept):
            sink = pa.BufferOutputStream()
            pq.write_table(table.filter(pa.array(kept)), sink, compression="zstd")
            yield Change(RANKS, path, kept.count(False), sink.getvalue().to_pybytes())


def _rejects(paths: Sequence[Path], forgotten: Forgotten) -> Iterator[Change]:
    for path in paths:
        text = path.read_bytes()
        content = _json(text) if path.suffix == ".json" else None
        if isinstance(content, dict):
            rows = content.get("rejects", [])
            kept = [row for row in rows if not _names_one(row, forgotten)]
            changed = json.dumps({**content, "rejects": kept}).encode()
        else:
            rows = text.splitlines(keepends=True)
            kept = [line for line in rows if not _names_one(_json(line) or [line], forgotten)]
            changed = b"".join(kept)
        if len(kept) < len(rows):
            yield Change(REJECTS, path, len(rows) - len(kept), changed)


def _json(text: bytes) -> Any:
    """Returns a value, None for text of another form."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _names_one(values: Any, forgotten: Forgotten) -> bool:
    """Returns whether a field of a rejected row, or of its record, is such an id."""
    texts = values.values() if isinstance(values, dict) else values
    row = "\t".join(
        value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for value in texts
        if isinstance(value, (str, bytes))
    )
    fields = {
        field.strip(" \"'") for field in row.replace(",", "\t").replace(";", "\t").split("\t")
    }
    names = {name.decode("utf-8", "replace") for name in forgotten.names}
    return bool(fields & names) or bool(names_in(row.encode(), forgotten.names))
