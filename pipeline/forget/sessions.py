"""Sessions in Examples artifacts, which hold their ids: which are there, and files without them."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from modules.sessions.examples import decode, read_batches
from modules.sessions.feature_names import SESSION_ID
from modules.tf_datasets import without_autotuning
from pipeline.forget.plan import Change, Forgotten, Visit

KIND = "sessions in examples"
_SPLITS = "artifacts*/SessionExampleGen/examples/*/Split-*"


def find_forgotten(out: Path, ids: Collection[bytes]) -> Forgotten:
    """Reads the Examples of all runs.

    Args:
      out: output folder.
      ids: ids of sessions, or of visitors: all sessions that were cut from their events.
    """
    wanted, visits, others = set(ids), set(), set()
    earliest: int | None = None
    for folder in sorted(out.glob(_SPLITS)):
        for batch in read_batches(str(folder)):
            start = int(batch.start_times.min())
            earliest = start if earliest is None else min(earliest, start)
            rows = zip(batch.session_ids.tolist(), batch.item_lists(), strict=True)
            for row, (session_id, items) in enumerate(rows):
                if session_id in wanted or _visitor(session_id, batch.start_times[row]) in wanted:
                    times = batch.times[batch.offsets[row] : batch.offsets[row + 1]].tolist()
                    visits.add(Visit(session_id, tuple(items), tuple(times)))
                else:
                    others.update(items)
    orphans = {item for visit in visits for item in visit.items} - others
    every = wanted.union(visit.session_id for visit in visits)
    return Forgotten(frozenset(every), tuple(sorted(visits)), frozenset(orphans), earliest)


def _visitor(session_id: bytes, start_time: int) -> bytes | None:
    """Returns whose session it is, None if it was not cut from a visitor's events.

    >>> _visitor(b"v1@1500", 1500), _visitor(b"v1@7", 1500)
    (b'v1', None)
    """
    visitor, _, start = session_id.rpartition(b"@")
    return visitor if start == b"%d" % start_time else None


def changed_examples(out: Path, forgotten: Forgotten) -> Iterator[Change]:
    """Yields the files of Examples that hold such sessions, without them."""
    found = forgotten.found()
    for path in sorted(out.glob(f"{_SPLITS}/*")) if found else ():
        records = read_records(path)
        kept = [record for record in records if _session_id(record) not in found]
        if len(kept) < len(records):
            yield Change(KIND, path, len(records) - len(kept), packed(kept))


def _session_id(record: bytes) -> bytes:
    return bytes(decode(record)[SESSION_ID].bytes_list.value[0])


def read_records(path: Path) -> Sequence[bytes]:
    """Returns the records of a gzipped TFRecord file."""
    records = without_autotuning(tf.data.TFRecordDataset(str(path), compression_type="GZIP"))
    return [bytes(record.numpy()) for record in records]


def packed(records: Iterable[bytes]) -> bytes:
    """Returns the content of a gzipped TFRecord file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records")
        with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
            for record in records:
                writer.write(record)
        return path.read_bytes()
