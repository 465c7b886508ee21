"""The file with a history's rows, for pandas and other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.history.columns import COLUMNS, NUMBER, TEXT, TEXTS, WHOLE, Row

HISTORY_FILE = "history.parquet"


def write_rows(rows: Sequence[Row], out: Path) -> Path:
    """Writes `history.parquet` atomically, and returns its path.

    Args:
      rows: rows with all columns.
      out: output folder.
    """
    types = {
        TEXT: pa.string(),
        TEXTS: pa.list_(pa.string()),
        WHOLE: pa.int64(),
        NUMBER: pa.float64(),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    file, scratch = out / HISTORY_FILE, out / f".{HISTORY_FILE}.new"
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), scratch)
    scratch.replace(file)
    return file
