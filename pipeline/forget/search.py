"""Searches all files of an output folder for ids, compressed ones and tables included."""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from pipeline.forget.plan import holder, names_in

_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"


def holders_of(
    out: Path, names: Collection[bytes], without: Collection[Path] = ()
) -> dict[Path, set[bytes]]:
    """Returns what holds ids, with those found: artifacts, pushed versions and single files.

    Args:
      out: output folder.
      names: ids.
      without: files and folders that are not searched.
    """
    found: dict[Path, set[bytes]] = {}
    for path in _files(out, frozenset(without)):
        place = holder(path, out)
        if place in without:
            continue
        with contextlib.suppress(FileNotFoundError):
            here = {name for content in contents(path) for name in names_in(content, names)}
            here |= names_in(os.fsencode(path.relative_to(out)), names)
            if here:
                found.setdefault(place, set()).update(here)
    return found


def _files(out: Path, without: Collection[Path]) -> Iterator[Path]:
    for parent, folders, names in os.walk(out):
        folders[:] = sorted(name for name in folders if Path(parent, name) not in without)
        paths = (Path(parent, name) for name in sorted(names))
        yield from (path for path in paths if path not in without and not path.is_symlink())


def contents(path: Path) -> Iterator[bytes]:
    """Yields a file's bytes, and what it holds in compressed form."""
    raw = path.read_bytes()
    yield raw
    if raw.startswith(_GZIP):
        with contextlib.suppress(OSError, EOFError, zlib.error):
            yield gzip.decompress(raw)
    if raw.startswith(_PARQUET):
        import pyarrow as pa
        import pyarrow.parquet as pq

        with contextlib.suppress(pa.ArrowException):
            for column in pq.read_table(path).columns:
                yield b"\n".join(_as_bytes(value) for value in column.to_pylist())


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
