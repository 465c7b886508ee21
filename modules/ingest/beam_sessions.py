"""The Beam graph from pieces of files to batches of serialized tf.Examples by output split.

An element is a piece of a file or a bucket of sessions, thousands of events at once: Beam's cost
per element, not the parsing, makes a graph of single events slow.
"""

from __future__ import annotations

import collections
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam

from modules.config.options.sessions import SessionOptions
from modules.files.compression import BrokenFileError
from modules.ingest import distinct_items, input_files, packing, shared_sessions
from modules.ingest.counts import OTHER_TYPES, merge_reports
from modules.ingest.forgotten import REMOVED, ForgottenIds, names_one
from modules.ingest.item_support import DropRareItems
from modules.ingest.report import Reject, Report
from modules.ingest.start_times import FindTimeline, PackedStarts
from modules.row_formats.parts import PIECE_BYTES, part_bytes
from modules.sessions.concatenated import JoinedFilesError
from modules.sessions.examples import ExampleEncoder
from modules.sessions.row_checks import Rows
from modules.sessions.sessions import build_sessions, finish_session
from modules.sessions.time_splits import CutRules, Cuts, output_split
from modules.sessions.visitor_sessions import build_visitor_sessions, type_code

Key = tuple[str, int]
"""Input split and bucket of session ids."""

_PLACE_BITS = 44  # byte offsets up to 16 TiB; the rest of 63 bits orders 524,288 files
BUCKET_BYTES = 2 << 20
"""Size of the text in a bucket of sessions, about. Flink holds up to a hundred grouped buckets for
each worker, see `deploy/flink/flink-conf.yaml`."""
_MAX_BUCKETS = 4096
_BUCKETS_PER_ITEM_BUCKET = 64


class Batch(NamedTuple):
    """The serialized tf.Examples of one bucket for one output split."""

    split: str
    source: str
    bucket: int
    buckets: int
    examples: list[bytes]


class SessionBatches(NamedTuple):
    """PCollections that `SessionsFromFiles` returns.

    Attributes:
      batches: `Batch` of each bucket and output split.
      rejects: lists of `Reject`.
      report: one `Report`.
      rare: one list of rare items, see `DropRareItems`; None if none are dropped.
    """

    batches: beam.PCollection
    rejects: beam.PCollection
    report: beam.PCollection
    rare: beam.PCollection | None


class ReadEvents(beam.DoFn):
    """Reads a piece of a file and emits its events, packed by bucket of session ids."""

    REJECTS, REPORT = "rejects", "report"

    def __init__(
        self,
        options: SessionOptions,
        buckets: dict[str, int],
        forgotten: ForgottenIds = ForgottenIds(),  # noqa: B008 (never changed)
    ) -> None:
        """Stores the options, each input split's number of buckets, and whom to drop."""
        self._options, self._buckets, self._forgotten = options, buckets, forgotten

    def process(self, element: tuple[Any, ...]) -> Iterator[Any]:
        """Yields (key, packed events), lists of rejects, and reports.

        Damaged and joined files are reported, not raised: runners bury an exception's text, and
        would retry.
        """
        piece = input_files.Piece(*element)
        try:
            for read in piece.part.read(piece.path, self._options):
                ids = self._forgotten.read()
                rejects = self._rejects_of(read, piece, ids)
                if rejects:
                    yield beam.pvalue.TaggedOutput(self.REJECTS, rejects)
                remembered = read.without(ids)
                rows = self._kept(remembered)
                dropped = {
                    "rows_forgotten": len(read.times) - len(remembered.times),
                    OTHER_TYPES: len(remembered.times) - len(rows.times),
                }
                found = _read_report(len(read.times), dropped, piece, rejects)
                yield beam.pvalue.TaggedOutput(self.REPORT, found)
                places, weights = self._places(rows, piece), self._weights_of(rows)
                buckets = self._buckets[piece.split]
                for bucket, events in _pack_by_bucket(rows, places, buckets, weights):
                    yield (piece.split, bucket), events
        except (BrokenFileError, JoinedFilesError) as error:
            yield beam.pvalue.TaggedOutput(self.REPORT, Report({}, errors=[error.of(piece.path)]))

    def _kept(self, rows: Rows) -> Rows:
        """Returns the rows that sessions keep; a visitor's are needed until sessions are cut."""
        by_type = self._options.visitor_column is None and self._options.event_column is not None
        return rows.of_types(self._options.kept_types()) if by_type else rows

    def _rejects_of(
        self, rows: Rows, piece: input_files.Piece, ids: frozenset[bytes]
    ) -> list[Reject]:
        """Returns the bad rows, without the text of those that name one of some ids."""
        split, path, rank, part = piece

        def shown(row: bytes) -> str:
            hidden = ids and names_one(row, ids, self._options.delimiter)
            return REMOVED if hidden else str(row, "utf-8", "backslashreplace")

        return [
            Reject(split, rank, at, path, why, shown(row), counted=part.counted)
            for why, at, row in rows.rejects
        ]

    def _places(self, rows: Rows, piece: input_files.Piece) -> list[int]:
        """Returns the number that goes with each event: its position, or its type for visitors."""
        if self._options.visitor_column is None:
            first = piece.rank << _PLACE_BITS
            return [first + offset for offset in rows.offsets]
        if self._options.event_column is None:
            return [0] * len(rows.times)
        return [*map(type_code, rows.types)]

    def _weights_of(self, rows: Rows) -> list[float] | None:
        """Returns each event's weight, if it has one; of visitors, the type says it later."""
        weights = self._options.weight_by_type()
        if weights is None or self._options.visitor_column is not None:
            return None
        return [weights.get(each, 1.0) for each in rows.types]


def _read_report(
    read: int, dropped: dict[str, int], piece: input_files.Piece, rejects: list[Reject]
) -> Report:
    """Returns the report on a piece's rows: those that were read, and dropped of them by reason."""
    counts = Counter(f"{piece.split}.rows_rejected.{reject.reason}" for reject in rejects)
    counts[f"{piece.split}.rows_read"] = read + len(rejects)
    counts.update({f"{piece.split}.{name}": number for name, number in dropped.items() if number})
    return merge_reports([Report(dict(counts), rejects)])


def _pack_by_bucket(
    rows: Rows, places: list[int], buckets: int, weights: list[float] | None = None
) -> Iterator[tuple[int, packing.PackedEvents]]:
    parts: dict[int, packing.EventLists] = collections.defaultdict(lambda: ([], [], [], []))
    of_buckets: dict[int, list[float]] = collections.defaultdict(list)
    for session_id, item_id, at, place in zip(*rows[:3], places, strict=True):
        part = parts[zlib.crc32(session_id) % buckets]
        part[0].append(session_id)
        part[1].append(item_id)
        part[2].append(at)
        part[3].append(place)
    if weights is not None:
        for session_id, weight in zip(rows.session_ids, weights, strict=True):
            of_buckets[zlib.crc32(session_id) % buckets].append(weight)
    for bucket, part in parts.items():
        yield bucket, packing.pack_events(part, of_buckets.get(bucket))


class BuildSessions(beam.DoFn):
    """Builds the sessions of a bucket and emits them packed."""

    IDENTITIES, REPORT = "identities", "report"

    def __init__(
        self,
        rules: CutRules,
        now: int,
        identity_buckets: int = 0,
        forgotten: ForgottenIds = ForgottenIds(),  # noqa: B008 (never changed)
    ) -> None:
        """Stores how sessions are built.

        Args:
          rules: which sessions are kept, and of which days.
          now: time at which the run began, in ms.
          identity_buckets: number of buckets of identities; 0 emits none.
          forgotten: ids of visitors and sessions to drop.
        """
        self._options, self._period = rules.options, rules.period
        self._now, self._identity_buckets = now, identity_buckets
        self._forgotten = forgotten

    def process(self, element: tuple[Key, Iterable[packing.PackedEvents]]) -> Iterator[Any]:
        """Yields (key, packed sessions), identities, and a report."""
        key, batches = element
        split = key[0]
        counts: Counter[str] = Counter()
        if self._options.visitor_column is None:
            built = build_sessions(packing.group_events(batches), split, self._options, counts)
        else:
            visitors = packing.group_visitors(
                batches, split, self._options.max_visitor_events, counts
            )
            built = build_visitor_sessions(
                *(visitors, split, self._options, self._now, counts),
                period=self._period,
                forgotten=self._forgotten.read(),
            )
        # Sorted, so that the files do not depend on the order in which pieces arrive.
        sessions = sorted(built, key=lambda s: (s.start_time, s.session_id))
        packed = packing.pack_sessions(sessions)
        yield key, packed
        if self._identity_buckets:
            for identities in shared_sessions.identities_by_bucket(
                split, sessions, self._identity_buckets
            ):
                yield beam.pvalue.TaggedOutput(self.IDENTITIES, identities)
        yield beam.pvalue.TaggedOutput(self.REPORT, Report(dict(counts)))


class EncodeExamples(beam.DoFn):
    """Assigns each session to its output split and serializes it."""

    ITEMS, REPORT = "items", "report"

    def __init__(
        self, options: SessionOptions, buckets: dict[str, int], item_buckets: int = 1
    ) -> None:
        """Stores the options, each input split's number of buckets, and that of item ids."""
        self._options, self._buckets, self._item_buckets = options, buckets, item_buckets

    def process(
        self, element: tuple[Key, packing.PackedSessions], cuts: tuple[int, int | None] | None
    ) -> Iterator[Any]:
        """Yields a `Batch` per output split, its items by bucket, and a report."""
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
        for some in distinct_items.items_by_bucket(items, self._item_buckets):
            yield beam.pvalue.TaggedOutput(self.ITEMS, some)
        yield beam.pvalue.TaggedOutput(self.REPORT, Report(dict(counts)))


class SessionsFromFiles(beam.PTransform):
    """Reads the files of all splits and returns `SessionBatches`.

    Attributes:
      piece_bytes: size of a piece of a file, about.
      buckets: number of buckets of sessions by input split.
    """

    def __init__(
        self,
        inputs: list[input_files.InputSplit],
        rules: CutRules,
        piece_bytes: int = PIECE_BYTES,
        bucket_bytes: int = BUCKET_BYTES,
        known_rare: bytes = b"",
    ) -> None:
        """Determines the number of buckets.

        Args:
          inputs: input splits with their files.
          rules: how rows are read, which sessions are kept, and how train is cut.
          piece_bytes: largest size of a piece of a file, about.
          bucket_bytes: size of the text in a bucket of sessions, about.
          known_rare: rare items of an earlier run on the same input, to go on from.

        Raises:
          SessionDataError: the list of what is left out cannot be read.
        """
        super().__init__()
        self._forgotten = ForgottenIds(rules.options.forget_file)
        self._inputs, self._known_rare = inputs, known_rare
        lengths = (file.length for split in inputs for file in split.files)
        self.piece_bytes = part_bytes(sum(lengths), piece_bytes)
        self._options, self._rules = rules.options, rules
        # Once for all workers and retries, which would else drop different events.
        self._now = time.time_ns() // 1_000_000
        texts = {split.name: split.text_bytes() for split in inputs}
        self.buckets = {
            name: max(1, min(_MAX_BUCKETS, text // bucket_bytes)) for name, text in texts.items()
        }
        # A bucket of sessions reports on each bucket of items: few, as elements are dear.
        self._item_buckets = 1 + sum(self.buckets.values()) // _BUCKETS_PER_ITEM_BUCKET

    def expand(self, pbegin: Any) -> SessionBatches:
        """Builds the graph, with one GroupByKey of events and the cuts as a side input."""
        pieces = [tuple(piece) for piece in input_files.pieces(self._inputs, self.piece_bytes)]
        read = (
            pbegin
            | "Pieces" >> beam.Create(pieces)
            | "ReadEvents"
            >> beam.ParDo(ReadEvents(self._options, self.buckets, self._forgotten))
            .with_output_types(tuple[Key, packing.PackedEvents])
            .with_outputs(ReadEvents.REJECTS, ReadEvents.REPORT, main="events")
        )
        # Nothing can be shared within a single split.
        compared = max(self.buckets.values()) if len(self.buckets) > 1 else 0
        built = (
            read["events"]
            | "GroupByBucket" >> beam.GroupByKey()
            | "BuildSessions"
            >> beam.ParDo(
                BuildSessions(self._rules, self._now, compared, self._forgotten)
            ).with_outputs(
                BuildSessions.IDENTITIES,
                BuildSessions.REPORT,
                main="sessions",
            )
        )
        sessions, rare, reports = built["sessions"], None, []
        if self._options.min_item_support > 1:
            common = sessions | "ItemSupport" >> DropRareItems(self._options, self._known_rare)
            sessions, rare, reports = common.sessions, common.rare, [common.report]
        timeline = FindTimeline([*self.buckets], self._rules, self._now)
        found = sessions | "Starts" >> beam.Map(_starts) | "Timeline" >> timeline
        cuts = found | "Cuts" >> beam.Map(lambda timeline: timeline[0])
        encoded = sessions | "EncodeExamples" >> beam.ParDo(
            EncodeExamples(self._options, self.buckets, self._item_buckets),
            beam.pvalue.AsSingleton(cuts, default_value=None),
        ).with_outputs(EncodeExamples.ITEMS, EncodeExamples.REPORT, main="batches")
        reports += [
            read[ReadEvents.REPORT],
            built[BuildSessions.REPORT],
            built[BuildSessions.IDENTITIES] | "CountShared" >> shared_sessions.CountShared(),
            found | "TimeCounts" >> beam.Map(lambda timeline: Report(timeline[1])),
            encoded[EncodeExamples.REPORT],
            encoded[EncodeExamples.ITEMS] | "CountItems" >> distinct_items.CountItems(),
        ]
        merged = (
            reports
            | "Reports" >> beam.Flatten()
            | "MergeReports" >> beam.CombineGlobally(merge_reports).without_defaults()
        )
        return SessionBatches(encoded["batches"], read[ReadEvents.REJECTS], merged, rare)


def _starts(element: tuple[Key, packing.PackedSessions]) -> PackedStarts:
    (split, _), packed = element
    return split, packed[1]


def output_splits(input_names: list[str], rules: CutRules) -> list[str]:
    """Returns the output splits: train, eval, and test if it is given or cut."""
    return ["train", "eval", *(["test"] if rules.cuts_test or "test" in input_names else [])]
