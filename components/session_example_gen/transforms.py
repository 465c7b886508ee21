"""The Beam graph: pieces of files in, serialized tf.Examples by output split out."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from tensorflow.core.example import example_pb2, feature_pb2

from components.session_example_gen import input_files, packing, report
from modules import sessions as sessions_lib
from modules.sessions import Session, SessionOptions

Key = tuple[str, int]
_PLACE_BITS = 44  # byte offsets up to 16 TiB; the rest of 63 bits orders up to 524,288 files
_BUCKET_BYTES = 8 << 20


class SessionExamples(NamedTuple):
    """Outputs of `WriteSessions`' input side: one PCollection each."""

    examples: dict[str, beam.PCollection]
    rejects: beam.PCollection
    report: beam.PCollection


class ReadEvents(beam.DoFn):
    """Reads a piece of a file and emits its events, packed by bucket of session ids."""

    REJECTS = "rejects"
    REPORT = "report"

    def __init__(self, options: SessionOptions, buckets: dict[str, int]) -> None:
        """Takes the options and each split's number of buckets."""
        self._options = options
        self._buckets = buckets

    def process(self, piece: input_files.Piece) -> Iterator[Any]:
        """Yields (split, bucket) with packed events; rejected rows; a report of counts."""
        piece = input_files.Piece(*piece)
        counts: Counter[str] = Counter()
        rejects: list[report.Reject] = []
        errors: list[str] = []
        try:
            for offset, text in input_files.read_piece(piece):
                rows = sessions_lib.parse_rows(text, offset, piece.columns, self._options.time_unit)
                bad = _rejects_of(rows, piece)
                counts[f"{piece.split}.rows_read"] += len(rows.times) + len(bad)
                counts.update(f"{piece.split}.rows_rejected.{reject.reason}" for reject in bad)
                rejects = report.first_rejects([*rejects, *bad])
                for reject in bad:
                    yield beam.pvalue.TaggedOutput(self.REJECTS, reject.to_json())
                yield from _pack_by_bucket(rows, piece, self._buckets[piece.split])
        except (EOFError, OSError, zlib.error) as error:
            errors.append(f"{piece.path} cannot be read to its end: {error}")
        yield beam.pvalue.TaggedOutput(
            self.REPORT, report.Report(dict(counts), [tuple(r) for r in rejects], errors)
        )


def _rejects_of(rows: sessions_lib.Rows, piece: input_files.Piece) -> list[report.Reject]:
    return [
        report.Reject(
            piece.split, piece.path, offset, reason, text.decode("utf-8", "backslashreplace")
        )
        for reason, offset, text in rows.rejects
    ]


def _pack_by_bucket(
    rows: sessions_lib.Rows, piece: input_files.Piece, buckets: int
) -> Iterator[tuple[Key, packing.PackedEvents]]:
    first_place = piece.rank << _PLACE_BITS
    parts: dict[int, tuple[list[bytes], list[bytes], list[int], list[int]]] = {}
    for session_id, item_id, time, offset in zip(*rows[:4], strict=True):
        bucket = zlib.crc32(session_id) % buckets
        if bucket not in parts:
            parts[bucket] = ([], [], [], [])
        part = parts[bucket]
        part[0].append(session_id)
        part[1].append(item_id)
        part[2].append(time)
        part[3].append(first_place + offset)
    for bucket, (ids, items, times, places) in parts.items():
        yield (
            (piece.split, bucket),
            (
                b"\n".join(ids),
                b"\n".join(items),
                packing.pack_ints(times),
                packing.pack_ints(places),
            ),
        )


class BuildSessions(beam.DoFn):
    """Builds the sessions of a bucket and emits them packed."""

    STARTS = "starts"
    REPORT = "report"

    def __init__(self, options: SessionOptions) -> None:
        """Takes the options."""
        self._options = options

    def process(self, bucket: tuple[Key, Iterable[packing.PackedEvents]]) -> Iterator[Any]:
        """Yields (split, packed sessions); train's start times; a report of counts."""
        (split, _), batches = bucket
        counts: Counter[str] = Counter()
        groups = packing.group_events(batches)
        packed = packing.pack_sessions(
            sessions_lib.build_sessions(groups, split, self._options, counts)
        )
        yield split, packed
        if split == "train":
            yield beam.pvalue.TaggedOutput(self.STARTS, packed[1])
        yield beam.pvalue.TaggedOutput(self.REPORT, report.Report(dict(counts), [], []))


class EncodeExamples(beam.DoFn):
    """Chooses each session's output split and serializes it."""

    REPORT = "report"
    ITEMS = "items"

    def __init__(self, options: SessionOptions) -> None:
        """Takes the options."""
        self._options = options

    def process(
        self, element: tuple[str, packing.PackedSessions], cut: int | None
    ) -> Iterator[Any]:
        """Yields serialized Examples tagged by output split; the item ids seen; a report."""
        source, packed = element
        counts: Counter[str] = Counter()
        items: dict[str, set[bytes]] = {}
        for session in packing.unpack_sessions(packed):
            split = source
            if cut is not None and source == "train" and session.start_time >= cut:
                split = "eval"
            session = sessions_lib.finish_session(session, split, self._options, counts)
            items.setdefault(split, set()).update(session.item_ids)
            yield beam.pvalue.TaggedOutput(split, encode_example(session))
        for split, ids in items.items():
            yield beam.pvalue.TaggedOutput(self.ITEMS, (split, b"\n".join(sorted(ids))))
        yield beam.pvalue.TaggedOutput(self.REPORT, report.Report(dict(counts), [], []))


def encode_example(session: Session) -> bytes:
    """Serializes a session as a tf.Example (features: README.md beside this file)."""
    features = {
        "session_id": _bytes([session.session_id]),
        "item_ids": _bytes(session.item_ids),
        "event_times": _ints(session.event_times),
        "start_time": _ints([session.start_time]),
    }
    example = example_pb2.Example(features=feature_pb2.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def _bytes(values: list[bytes]) -> feature_pb2.Feature:
    return feature_pb2.Feature(bytes_list=feature_pb2.BytesList(value=values))


def _ints(values: list[int]) -> feature_pb2.Feature:
    return feature_pb2.Feature(int64_list=feature_pb2.Int64List(value=values))


class SessionsFromFiles(beam.PTransform):
    """Reads all splits' files and returns `SessionExamples`."""

    def __init__(
        self,
        inputs: list[input_files.InputSplit],
        options: SessionOptions,
        piece_bytes: int = input_files.PIECE_BYTES,
    ) -> None:
        """Takes the files found, the options and the length of a piece that is read in one go."""
        super().__init__()
        self._inputs = inputs
        self._options = options
        self._piece_bytes = piece_bytes

    def expand(self, pbegin: Any) -> SessionExamples:
        """Builds the graph."""
        options = self._options
        buckets = {
            split.name: max(1, min(4096, split.text_bytes() // _BUCKET_BYTES))
            for split in self._inputs
        }
        outputs = output_splits([split.name for split in self._inputs])
        pieces = [tuple(p) for p in input_files.pieces(self._inputs, self._piece_bytes)]
        read = (
            pbegin
            | "Pieces" >> beam.Create(pieces)
            | "Spread" >> beam.Reshuffle()
            | "ReadEvents"
            >> beam.ParDo(ReadEvents(options, buckets)).with_outputs(
                ReadEvents.REJECTS, ReadEvents.REPORT, main="events"
            )
        )
        built = (
            read["events"]
            | "GroupByBucket" >> beam.GroupByKey()
            | "BuildSessions"
            >> beam.ParDo(BuildSessions(options)).with_outputs(
                BuildSessions.STARTS, BuildSessions.REPORT, main="sessions"
            )
        )
        encoded = built["sessions"] | "EncodeExamples" >> beam.ParDo(
            EncodeExamples(options), self._cut(built)
        ).with_outputs(EncodeExamples.REPORT, EncodeExamples.ITEMS, *outputs)
        item_counts = (
            encoded[EncodeExamples.ITEMS]
            | "CountItems" >> beam.CombinePerKey(_DistinctItems())
            | "ItemsReport" >> beam.Map(lambda pair: ({f"{pair[0]}.items": pair[1]}, [], []))
        )
        merged = (
            read[ReadEvents.REPORT],
            built[BuildSessions.REPORT],
            encoded[EncodeExamples.REPORT],
            item_counts,
        ) | "Reports" >> beam.Flatten()
        return SessionExamples(
            {name: encoded[name] for name in outputs},
            read[ReadEvents.REJECTS],
            merged | "MergeReports" >> beam.CombineGlobally(report.merge_reports),
        )

    def _cut(self, built: Any) -> Any:
        """Returns the start time that splits train, as a side input; None where eval is given."""
        if any(split.name == "eval" for split in self._inputs):
            return None
        options = self._options
        cut = built[BuildSessions.STARTS] | "EvalCut" >> beam.CombineGlobally(_EvalCut(options))
        return beam.pvalue.AsSingleton(cut)


def output_splits(input_names: list[str]) -> list[str]:
    """Names the output splits: train, eval (given or cut from train), and test where given."""
    return ["train", "eval", *(["test"] if "test" in input_names else [])]


class _EvalCut(beam.CombineFn):
    """Combines packed start times into the eval cut."""

    def __init__(self, options: SessionOptions) -> None:
        self._options = options

    def create_accumulator(self) -> list[bytes]:
        return []

    def add_input(self, accumulator: list[bytes], element: bytes) -> list[bytes]:
        accumulator.append(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        return [packed for accumulator in accumulators for packed in accumulator]

    def extract_output(self, accumulator: list[bytes]) -> int:
        starts = packing.unpack_ints(b"".join(accumulator))
        return sessions_lib.eval_cut(starts, self._options)


class _DistinctItems(beam.CombineFn):
    """Counts distinct ids in strings of ids joined by line ends."""

    def create_accumulator(self) -> set[bytes]:
        return set()

    def add_input(self, accumulator: set[bytes], element: bytes) -> set[bytes]:
        accumulator.update(element.split(b"\n"))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[set[bytes]]) -> set[bytes]:
        return set().union(*accumulators)

    def extract_output(self, accumulator: set[bytes]) -> int:
        return len(accumulator)
