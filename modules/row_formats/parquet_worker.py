"""Reads Parquet for another process: a damaged file may crash PyArrow, and that process with it.

Requests and answers are frames: a letter, the payload's length, the payload. The file stays with
the other process, which sends the bytes that PyArrow reads: so any file system will do, and neither
Beam nor TensorFlow is imported here.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow_hotfix  # noqa: F401 (PyArrow 10 runs code from files without it)

# Kinds of frames: to here a request, and bytes of the file; from here a wish for bytes, and what
# answers a request.
REQUEST, BYTES = b"Q", b"B"
WANTED, SCHEMA, FACTS, BATCH, ERROR, DONE = b"W", b"S", b"F", b"T", b"E", b"D"
_HEAD = struct.Struct("<cQ")
_BATCH_ROWS = 1 << 16
_GAP_BYTES = 1 << 20
_FOOTER_END = 8  # the footer's length and the magic number
_MAGIC = b"PAR1"


def send(pipe: IO[bytes], kind: bytes, payload: bytes = b"") -> None:
    """Writes a frame."""
    pipe.write(_HEAD.pack(kind, len(payload)))
    pipe.write(payload)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[bytes, bytes] | None:
    """Reads a frame; None if there is no whole one."""
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, length = _HEAD.unpack(head)
    payload = pipe.read(length)
    return (kind, payload) if len(payload) == length else None


class RemoteFile:
    """A file of the other process; `receive` and `send` use the two pipes."""

    closed = False

    def __init__(self, length: int, source: IO[bytes], sink: IO[bytes]) -> None:
        """Stores the file's length, and the pipes from and to the other process."""
        self._length, self._source, self._sink, self._at = length, source, sink, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves to a position, as files do."""
        self._at = (0, self._at, self._length)[whence] + offset
        return self._at

    def tell(self) -> int:
        """Returns the position."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Returns the next bytes, fewer at the file's end."""
        left = max(0, self._length - self._at)
        size = left if size is None or size < 0 else min(size, left)
        send(self._sink, WANTED, struct.pack("<QQ", self._at, size))
        found = receive(self._source)
        if found is None or found[0] != BYTES:
            raise SystemExit  # the other process has gone
        self._at += len(found[1])
        return found[1]

    def close(self) -> None:
        """Does nothing: the file is the other process's."""

    def readable(self) -> bool:
        """Returns True."""
        return True

    def seekable(self) -> bool:
        """Returns True."""
        return True


def answer(request: dict[str, Any], source: IO[bytes], sink: IO[bytes]) -> None:
    """Answers a request with frames, the last of which is `DONE` or `ERROR`.

    Args:
      request: `length` of the file in bytes, and `paths` of the values that are read. Without
        `start` the answer is the schema and, of each row group, its rows, bytes of these values,
        and positions: number of values at the path `count`, which is null for rows. With `start`
        and `end` it is the rows of these groups.
      source: pipe from the other process.
      sink: pipe to it.
    """
    try:
        file = pq.ParquetFile(pa.PythonFile(RemoteFile(request["length"], source, sink), "r"))
        if "start" not in request:
            _check_footer(file.metadata, RemoteFile(request["length"], source, sink))
            send(sink, SCHEMA, file.schema_arrow.serialize().to_pybytes())
            send(sink, FACTS, json.dumps(_groups(file.metadata, request)).encode())
        else:
            for batch in _batches(file, request):
                send(sink, BATCH, _packed(batch))
        send(sink, DONE)
    except Exception as error:  # PyArrow raises nearly any for a damaged file
        send(sink, ERROR, f"{type(error).__name__}: {error}".encode("utf-8", "replace"))


def _leaves(metadata: Any) -> list[str]:
    return [metadata.schema.column(at).path for at in range(metadata.num_columns)]


def _groups(metadata: Any, request: dict[str, Any]) -> list[tuple[int, int, int]]:
    leaves, count = _leaves(metadata), request["count"]
    read = [leaves.index(leaf) for leaf in chosen_leaves(leaves, request["paths"])]
    counted = [leaves.index(leaf) for leaf in chosen_leaves(leaves, [count] if count else [])[:1]]
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        size = sum(group.column(at).total_uncompressed_size for at in read)
        positions = [group.column(at).num_values for at in counted] or [group.num_rows]
        found.append((group.num_rows, size, *positions))
    return found


def _check_footer(metadata: Any, raw: RemoteFile) -> None:
    """Raises ValueError if the footer contradicts itself, or leaves out another file before it."""
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    rows = [group.num_rows for group in groups]
    if any(count < 0 for count in rows) or sum(rows) != metadata.num_rows:
        raise ValueError(
            f"its row groups have {sum(rows):,} rows, its footer {metadata.num_rows:,}"
        )
    chunks = [group.column(at) for group in groups for at in range(group.num_columns)]
    ends = [_start(chunk) + chunk.total_compressed_size for chunk in chunks]
    length = raw.seek(-_FOOTER_END, 2) + _FOOTER_END
    size = int.from_bytes(raw.read(4), "little")
    before = b""
    at, end = max(ends, default=len(_MAGIC)), length - _FOOTER_END - size
    while at < end:  # between pages and footer are indexes, or another file's pages
        raw.seek(at)
        before = before[-len(_MAGIC) * 2 :] + raw.read(min(_GAP_BYTES, end - at))
        if _MAGIC * 2 in before:
            raise ValueError("it is several files joined; keep them apart and give a pattern")
        at += _GAP_BYTES


def _start(chunk: Any) -> int:
    starts = [chunk.data_page_offset]
    if chunk.has_dictionary_page:
        starts.append(chunk.dictionary_page_offset)
    return min(starts)


def _batches(file: Any, request: dict[str, Any]) -> Iterator[Any]:
    metadata = file.metadata
    chosen = chosen_leaves(_leaves(metadata), request["paths"])
    groups = [*range(request["start"], request["end"])]
    expected = sum(metadata.row_group(at).num_rows for at in groups)
    read = 0
    for batch in file.iter_batches(_BATCH_ROWS, groups, chosen, use_threads=False):
        read += batch.num_rows
        for array in batch.columns:
            _check_array(array)
        yield batch
    if read != expected:
        raise ValueError(f"its row groups have {read:,} rows of {expected:,}")


def _check_array(array: Any) -> None:
    """Raises ArrowInvalid for what would crash who reads the array; text may be no UTF-8."""
    if pa.types.is_struct(array.type):
        for at in range(array.type.num_fields):
            _check_array(array.field(at))
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        array.validate()
        _check_array(array.flatten())
    elif pa.types.is_string(array.type):
        array.cast(pa.binary()).validate(full=True)
    elif pa.types.is_large_string(array.type):
        array.cast(pa.large_binary()).validate(full=True)
    else:
        array.validate(full=True)


def chosen_leaves(leaves: Sequence[str], paths: Sequence[Sequence[str]]) -> list[str]:
    """Returns the columns that hold some values, by their names in Parquet's own schema.

    Args:
      leaves: names of all columns; those in lists have more parts, such as `list.element`.
      paths: names of the values: one, or that of a list and one inside it.
    """
    chosen: dict[str, None] = {}
    for outer, *inner in paths:
        under = [leaf for leaf in leaves if leaf == outer or leaf.startswith(f"{outer}.")]
        ends = [f".{name}" for name in inner]
        exact = [leaf for leaf in under if all(leaf.endswith(end) for end in ends)]
        inside = [leaf for leaf in under if all(f"{end}." in leaf for end in ends)]
        chosen.update(dict.fromkeys(exact or inside or under))
    return [leaf for leaf in leaves if leaf in chosen]


def _packed(batch: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def main() -> None:
    """Answers requests from standard input until it ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while found := receive(source):
        answer(json.loads(found[1]), source, sink)
