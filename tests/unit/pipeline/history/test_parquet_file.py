"""The file with a history's rows."""

import pyarrow.parquet as pq

from pipeline.history.columns import COLUMNS
from pipeline.history.parquet_file import write_rows
from pipeline.history.rows import read_history
from tests import made_up_runs as runs


def test_the_file_has_all_rows_and_columns(tmp_path):
    runs.finish(tmp_path, 0)
    runs.fail(tmp_path, 1)
    rows = read_history(tmp_path).rows
    table = pq.read_table(write_rows(rows, tmp_path))
    assert table.column_names == list(COLUMNS)
    assert table.to_pylist() == rows
    assert str(table.schema.field("candidate.honest/all/recall@20.low").type) == "double"


def test_equal_rows_make_equal_files_and_none_makes_a_file_too(tmp_path):
    runs.finish(tmp_path, 0)
    rows = read_history(tmp_path).rows
    first = write_rows(rows, tmp_path).read_bytes()
    assert write_rows(rows, tmp_path).read_bytes() == first
    assert pq.read_table(write_rows([], tmp_path)).num_rows == 0
