"""The Beam graph: pieces of files in, batches of serialized tf.Examples by output split out.

Every element is a piece of a file or a bucket of sessions, thousands of events at once: Beam's cost
per element, not the parsing, is what makes a graph of single events slow.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from tensorflow.core.example import example_pb2

from components.session_example_gen import input_files, packing
from components.session_example_gen.report import Reject, Report, merge_reports
from modules import click_log
from modules import sessions as sessions_lib
from modules.packed_text import BrokenFileError
from modules.sessions import Session, SessionOptions

Key = tuple[str, int]
"""Input split and bucket of session ids."""

_PLACE_BITS = 44  # byte offsets up to 16 TiB; what is left of 63 bits orders 524,288 files
_BUCKET_BYTES = 8 << 20
_MAX_BUCKETS = 4096


class Batch(NamedTuple):
    """The serialized tf.Examples that one bucket gives to one output split."""

    split: str
    source: str
    bucket: int
    buckets: int
    examples: list[bytes]


class SessionBatches(NamedTuple):
    """What `SessionsFromFiles` returns: one PCollection each."""

    batches: beam.PCollection
    rejects: beam.PCollection
    report: beam.PCollection


class ReadEvents(beam.DoFn):
    """Reads a piece of a file and emits its events, packed by bucket of session ids."""

    REJECTS = "rejects"
    REPORT = "report"

    def __init__(self, options: SessionOptions, buckets: dict[str, int]) -> None:
        """Takes the options and each input split's number of buckets."""
        self._options = options
        self._buckets = buckets

    def process(self, element: tuple[Any, ...]) -> Iterator[Any]:
        """Yields (split, bucket) with packed events; lists of rejects; a report of counts.

        Broken compression is reported, not raised: runners bury an exception's text, and would
        try again.
        """
        piece = input_files.Piece(*element)
        try:
            for offset, text in input_files.read_piece(piece):
                rows = click_log.parse_rows(text, offset, piece.columns, self._options.time_unit)
                rejects = _rejects_of(rows, piece)
                if rejects:
                    yield beam.pvalue.TaggedOutput(self.REJECTS, rejects)
                yield beam.pvalue.TaggedOutput(self.REPORT, _read_report(rows, piece, rejects))
                yield from _pack_by_bucket(rows, piece, self._buckets[piece.split])
        except BrokenFileError as error:
            message = f"{piece.path} is broken, it cannot be unpacked to its end: {error}"
            yield beam.pvalue.TaggedOutput(self.REPORT, Report({}, errors=[message]))


def _rejects_of(rows: click_log.Rows, piece: input_files.Piece) -> list[Reject]:
    return [
        Reject(
            piece.split,
            piece.rank,
            offset,
            piece.path,
            reason,
            text.decode("utf-8", "backslashreplace"),
        )
        for reason, offset, text in rows.rejects
    ]


def _read_report(rows: click_log.Rows, piece: input_files.Piece, rejects: list[Reject]) -> Report:
    counts = Counter(f"{piece.split}.rows_rejected.{reject.reason}" for reject in rejects)
    counts[f"{piece.split}.rows_read"] = len(rows.times) + len(rejects)
    return merge_reports([Report(dict(counts), rejects)])


def _pack_by_bucket(
    rows: click_log.Rows, piece: input_files.Piece, buckets: int
) -> Iterator[tuple[Key, packing.PackedEvents]]:
    first_place = piece.rank << _PLACE_BITS
    parts: dict[int, packing.EventLists] = {}
    for session_id, item_id, time, offset in zip(*rows[:4], strict=True):
        bucket = zlib.crc32(session_id) % buckets
        if bucket not in parts:
            parts[bucket] = ([], [], [], [])
        part = parts[bucket]
        part[0].append(session_id)
        part[1].append(item_id)
        part[2].append(time)
        part[3].append(first_place + offset)
    for bucket, part in parts.items():
        yield (piece.split, bucket), packing.pack_events(part)


class BuildSessions(beam.DoFn):
    """Builds the sessions of a bucket and emits them packed."""

    STARTS = "starts"
    REPORT = "report"

    def __init__(self, options: SessionOptions) -> None:
        """Takes the options."""
        self._options = options

    def process(self, element: tuple[Key, Iterable[packing.PackedEvents]]) -> Iterator[Any]:
        """Yields (key, packed sessions); train's start times, packed; a report of counts."""
        key, batches = element
        counts: Counter[str] = Counter()
        groups = packing.group_events(batches)
        built = sessions_lib.build_sessions(groups, key[0], self._options, counts)
        # Sorted, so that the files do not depend on the order in which pieces arrive.
        packed = packing.pack_sessions(sorted(built, key=lambda s: (s.start_time, s.session_id)))
        yield key, packed
        if key[0] == "train":
            yield beam.pvalue.TaggedOutput(self.STARTS, packed[1])
        yield beam.pvalue.TaggedOutput(self.REPORT, Report(dict(counts)))


class EncodeExamples(beam.DoFn):
    """Chooses each session's output split and serializes it."""

    REPORT = "report"

    def __init__(self, options: SessionOptions, buckets: dict[str, int]) -> None:
        """Takes the options and each input split's number of buckets."""
        self._options = options
        self._buckets = buckets

    def process(
        self, element: tuple[Key, packing.PackedSessions], cut: int | None
    ) -> Iterator[Any]:
        """Yields a `Batch` per output split and a report; `cut` is where train becomes eval."""
        (source, bucket), packed = element
        counts: Counter[str] = Counter()
        examples: dict[str, list[bytes]] = {}
        items: dict[str, set[bytes]] = {}
        encoder = ExampleEncoder()
        for session in packing.unpack_sessions(packed):
            split = source
            if cut is not None and source == "train" and session.start_time >= cut:
                split = "eval"
            session = sessions_lib.finish_session(session, split, self._options, counts)
            items.setdefault(split, set()).update(session.item_ids)
            examples.setdefault(split, []).append(encoder.encode(session))
        for split, serialized in examples.items():
            yield Batch(split, source, bucket, self._buckets[source], serialized)
        yield beam.pvalue.TaggedOutput(self.REPORT, Report(dict(counts), items=items))


class ExampleEncoder:
    """Serializes sessions as tf.Examples (features: README.md beside this file).

    Fills one message again and again: a new one for every session takes 2 to 4 times as long.
    Serializes deterministically, so that equal sessions give equal bytes.
    """

    def __init__(self) -> None:
        """Makes the message."""
        self._example = example_pb2.Example()
        feature = self._example.features.feature
        self._session_id = feature["session_id"].bytes_list.value
        self._item_ids = feature["item_ids"].bytes_list.value
        self._event_times = feature["event_times"].int64_list.value
        self._start_time = feature["start_time"].int64_list.value
        self._session_id.append(b"")
        self._start_time.append(0)

    def encode(self, session: Session) -> bytes:
        """Returns the serialized session."""
        self._session_id[0] = session.session_id
        self._start_time[0] = session.start_time
        del self._item_ids[:]
        self._item_ids.extend(session.item_ids)
        del self._event_times[:]
        self._event_times.extend(session.event_times)
        return bytes(self._example.SerializeToString(deterministic=True))


class SessionsFromFiles(beam.PTransform):
    """Reads all splits' files and returns `SessionBatches`."""

    def __init__(
        self,
        inputs: list[input_files.InputSplit],
        options: SessionOptions,
        piece_bytes: int = input_files.PIECE_BYTES,
        bucket_bytes: int = _BUCKET_BYTES,
    ) -> None:
        """Takes the files found, the options, and how much text a piece and a bucket hold."""
        super().__init__()
        self._inputs = inputs
        self._options = options
        self._piece_bytes = piece_bytes
        self._buckets = {
            split.name: max(1, min(_MAX_BUCKETS, split.text_bytes() // bucket_bytes))
            for split in inputs
        }

    def expand(self, pbegin: Any) -> SessionBatches:
        """Builds the graph: one GroupByKey, and the eval cut as a side input."""
        pieces = [tuple(piece) for piece in input_files.pieces(self._inputs, self._piece_bytes)]
        read = (
            pbegin
            | "Pieces" >> beam.Create(pieces)
            | "ReadEvents"
            >> beam.ParDo(ReadEvents(self._options, self._buckets))
            .with_output_types(tuple[Key, packing.PackedEvents])
            .with_outputs(ReadEvents.REJECTS, ReadEvents.REPORT, main="events")
        )
        built = (
            read["events"]
            | "GroupByBucket" >> beam.GroupByKey()
            | "BuildSessions"
            >> beam.ParDo(BuildSessions(self._options)).with_outputs(
                BuildSessions.STARTS, BuildSessions.REPORT, main="sessions"
            )
        )
        encode = EncodeExamples(self._options, self._buckets)
        encoded = built["sessions"] | "EncodeExamples" >> beam.ParDo(
            encode, self._cut(built[BuildSessions.STARTS])
        ).with_outputs(EncodeExamples.REPORT, main="batches")
        reports = [read[ReadEvents.REPORT], built[BuildSessions.REPORT]]
        merged = (
            [*reports, encoded[EncodeExamples.REPORT]]
            | "Reports" >> beam.Flatten()
            | "MergeReports" >> beam.CombineGlobally(merge_reports).without_defaults()
        )
        return SessionBatches(encoded["batches"], read[ReadEvents.REJECTS], merged)

    def _cut(self, starts: beam.PCollection) -> Any:
        """Returns the start time that splits train, as a side input; None where eval is given."""
        if any(split.name == "eval" for split in self._inputs):
            return None
        cut = starts | "EvalCut" >> beam.CombineGlobally(_EvalCut(self._options)).without_defaults()
        return beam.pvalue.AsSingleton(cut, default_value=0)


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


def output_splits(input_names: list[str]) -> list[str]:
    """Names the output splits: train, eval (given or cut from train), and test where given."""
    return ["train", "eval", *(["test"] if "test" in input_names else [])]
