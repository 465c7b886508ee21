"""The Beam graph from pieces of files to batches of serialized tf.Examples by output split.

An element is a piece of a file or a bucket of sessions, thousands of events at once: Beam's cost
per element, not the parsing, makes a graph of single events slow.
"""

from __future__ import annotations

import collections
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam

from modules.config.options.data import TailOptions
from modules.config.options.sessions import SessionOptions
from modules.files.compression import BrokenFileError
from modules.ingest import input_files, packing, shared_sessions
from modules.ingest.counts import merge_reports
from modules.ingest.report import Reject, Report
from modules.ingest.start_times import CombineStarts
from modules.sessions import click_log
from modules.sessions.concatenated import JoinedFilesError
from modules.sessions.examples import ExampleEncoder
from modules.sessions.sessions import build_sessions, finish_session
from modules.sessions.time_splits import Cuts, output_split

Key = tuple[str, int]
"""Input split and bucket of session ids."""

_PLACE_BITS = 44  # byte offsets up to 16 TiB; the rest of 63 bits orders 524,288 files
_BUCKET_BYTES = 8 << 20
_MAX_BUCKETS = 4096


class Batch(NamedTuple):
    """The serialized tf.Examples of one bucket for one output split."""

    split: str
    source: str
    bucket: int
    buckets: int
    examples: list[bytes]


class SessionBatches(NamedTuple):
    """PCollections that `SessionsFromFiles` returns."""

    batches: beam.PCollection
    rejects: beam.PCollection
    report: beam.PCollection


class ReadEvents(beam.DoFn):
    """Reads a piece of a file and emits its events, packed by bucket of session ids."""

    REJECTS, REPORT = "rejects", "report"

    def __init__(self, options: SessionOptions, buckets: dict[str, int]) -> None:
        """Stores the options and each input split's number of buckets."""
        self._options, self._buckets = options, buckets

    def process(self, element: tuple[Any, ...]) -> Iterator[Any]:
        """Yields (key, packed events), lists of rejects, and reports.

        Damaged and joined files are reported, not raised: runners bury an exception's text, and
        would retry.
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
        except (BrokenFileError, JoinedFilesError) as error:
            yield beam.pvalue.TaggedOutput(self.REPORT, Report({}, errors=[error.of(piece.path)]))


def _rejects_of(rows: click_log.Rows, piece: input_files.Piece) -> list[Reject]:
    return [
        Reject(piece.split, piece.rank, at, piece.path, why, str(row, "utf-8", "backslashreplace"))
        for why, at, row in rows.rejects
    ]


def _read_report(rows: click_log.Rows, piece: input_files.Piece, rejects: list[Reject]) -> Report:
    counts = Counter(f"{piece.split}.rows_rejected.{reject.reason}" for reject in rejects)
    counts[f"{piece.split}.rows_read"] = len(rows.times) + len(rejects)
    return merge_reports([Report(dict(counts), rejects)])


def _pack_by_bucket(
    rows: click_log.Rows, piece: input_files.Piece, buckets: int
) -> Iterator[tuple[Key, packing.PackedEvents]]:
    first_place = piece.rank << _PLACE_BITS
    parts: dict[int, packing.EventLists] = collections.defaultdict(lambda: ([], [], [], []))
    for session_id, item_id, time, offset in zip(*rows[:4], strict=True):
        part = parts[zlib.crc32(session_id) % buckets]
        part[0].append(session_id)
        part[1].append(item_id)
        part[2].append(time)
        part[3].append(first_place + offset)
    for bucket, part in parts.items():
        yield (piece.split, bucket), packing.pack_events(part)


class BuildSessions(beam.DoFn):
    """Builds the sessions of a bucket and emits them packed."""

    STARTS, IDENTITIES, REPORT = "starts", "identities", "report"

    def __init__(self, options: SessionOptions, identity_buckets: int = 0) -> None:
        """Stores the options, and the number of buckets of identities; 0 emits none."""
        self._options, self._identity_buckets = options, identity_buckets

    def process(self, element: tuple[Key, Iterable[packing.PackedEvents]]) -> Iterator[Any]:
        """Yields (key, packed sessions), packed start times, identities, and a report."""
        key, batches = element
        split = key[0]
        counts: Counter[str] = Counter()
        groups = packing.group_events(batches)
        built = build_sessions(groups, split, self._options, counts)
        # Sorted, so that the files do not depend on the order in which pieces arrive.
        sessions = sorted(built, key=lambda s: (s.start_time, s.session_id))
        packed = packing.pack_sessions(sessions)
        yield key, packed
        yield beam.pvalue.TaggedOutput(self.STARTS, (split, packed[1]))
        if self._identity_buckets:
            for identities in shared_sessions.identities_by_bucket(
                split, sessions, self._identity_buckets
            ):
                yield beam.pvalue.TaggedOutput(self.IDENTITIES, identities)
        yield beam.pvalue.TaggedOutput(self.REPORT, Report(dict(counts)))


class EncodeExamples(beam.DoFn):
    """Assigns each session to its output split and serializes it."""

    REPORT = "report"

    def __init__(self, options: SessionOptions, buckets: dict[str, int]) -> None:
        """Stores the options and each input split's number of buckets."""
        self._options, self._buckets = options, buckets

    def process(
        self, element: tuple[Key, packing.PackedSessions], cuts: tuple[int, int | None] | None
    ) -> Iterator[Any]:
        """Yields a `Batch` per output split, and a report."""
        (source, bucket), packed = element
        places = cuts and Cuts(*cuts)
        counts: Counter[str] = Counter()
        examples: dict[str, list[bytes]] = {}
        items: dict[str, set[bytes]] = {}
        encoder = ExampleEncoder()
        for session in packing.unpack_sessions(packed):
            split = output_split(source, session.start_time, places)
            session = finish_session(session, split, self._options, counts)
            items.setdefault(split, set()).update(session.item_ids)
            examples.setdefault(split, []).append(encoder.encode(*session))
        for split, serialized in examples.items():
            yield Batch(split, source, bucket, self._buckets[source], serialized)
        yield beam.pvalue.TaggedOutput(self.REPORT, Report(dict(counts), items=items))


class SessionsFromFiles(beam.PTransform):
    """Reads the files of all splits and returns `SessionBatches`."""

    def __init__(
        self,
        inputs: list[input_files.InputSplit],
        options: SessionOptions,
        piece_bytes: int = input_files.PIECE_BYTES,
        bucket_bytes: int = _BUCKET_BYTES,
        tail: TailOptions = TailOptions(),  # noqa: B008 (frozen)
    ) -> None:
        """Determines the number of buckets.

        Args:
          inputs: input splits with their files.
          options: how rows are read and which sessions are kept.
          piece_bytes: size of a piece of a file, about.
          bucket_bytes: size of the text in a bucket of sessions, about.
          tail: what is cut from train for split test.
        """
        super().__init__()
        self._inputs, self._piece_bytes = inputs, piece_bytes
        self._options, self._tail = options, tail
        self._buckets = {
            split.name: max(1, min(_MAX_BUCKETS, split.text_bytes() // bucket_bytes))
            for split in inputs
        }

    def expand(self, pbegin: Any) -> SessionBatches:
        """Builds the graph, with one GroupByKey of events and the cuts as a side input."""
        pieces = [tuple(piece) for piece in input_files.pieces(self._inputs, self._piece_bytes)]
        read = (
            pbegin
            | "Pieces" >> beam.Create(pieces)
            | "ReadEvents"
            >> beam.ParDo(ReadEvents(self._options, self._buckets))
            .with_output_types(tuple[Key, packing.PackedEvents])
            .with_outputs(ReadEvents.REJECTS, ReadEvents.REPORT, main="events")
        )
        # Nothing can be shared within a single split.
        compared = max(self._buckets.values()) if len(self._buckets) > 1 else 0
        built = (
            read["events"]
            | "GroupByBucket" >> beam.GroupByKey()
            | "BuildSessions"
            >> beam.ParDo(BuildSessions(self._options, compared)).with_outputs(
                BuildSessions.STARTS,
                BuildSessions.IDENTITIES,
                BuildSessions.REPORT,
                main="sessions",
            )
        )
        combine = CombineStarts([*self._buckets], self._options, self._tail)
        found = (
            built[BuildSessions.STARTS]
            | "Timeline" >> beam.CombineGlobally(combine).without_defaults()
        )
        cuts = found | "Cuts" >> beam.Map(lambda timeline: timeline[0])
        encoded = built["sessions"] | "EncodeExamples" >> beam.ParDo(
            EncodeExamples(self._options, self._buckets),
            beam.pvalue.AsSingleton(cuts, default_value=None),
        ).with_outputs(EncodeExamples.REPORT, main="batches")
        reports = [
            read[ReadEvents.REPORT],
            built[BuildSessions.REPORT],
            built[BuildSessions.IDENTITIES] | "CountShared" >> shared_sessions.CountShared(),
            found | "TimeCounts" >> beam.Map(lambda timeline: Report(timeline[1])),
            encoded[EncodeExamples.REPORT],
        ]
        merged = (
            reports
            | "Reports" >> beam.Flatten()
            | "MergeReports" >> beam.CombineGlobally(merge_reports).without_defaults()
        )
        return SessionBatches(encoded["batches"], read[ReadEvents.REJECTS], merged)


def output_splits(
    input_names: list[str],
    tail: TailOptions = TailOptions(),  # noqa: B008 (frozen)
) -> list[str]:
    """Returns the output splits: train, eval, and test if it is given or cut."""
    return ["train", "eval", *(["test"] if tail or "test" in input_names else [])]
