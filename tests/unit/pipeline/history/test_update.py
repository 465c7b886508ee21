"""The history is rebuilt from the folders of runs."""

import pyarrow.parquet as pq

from pipeline.history.update import update_history
from tests import made_up_runs as runs


def test_the_files_are_rebuilt_from_the_folders_alone(tmp_path):
    runs.finish(tmp_path, 0)
    assert update_history(tmp_path) == []
    files = [tmp_path / name for name in ("history.parquet", "history.html")]
    written = [file.read_bytes() for file in files]
    for file in files:
        file.write_bytes(b"damaged")
    assert update_history(tmp_path) == []
    assert [file.read_bytes() for file in files] == written


def test_a_damaged_folder_is_named_with_what_to_do(tmp_path):
    runs.finish(tmp_path, 0)
    (runs.finish(tmp_path, 1) / "summary.json").write_text("{")
    (line,) = update_history(tmp_path)
    assert line.startswith(
        "Warning: runs/2015-09-12-1 was left out of the history: JSONDecodeError"
    )
    assert pq.read_table(tmp_path / "history.parquet").num_rows == 1
    assert "2015-09-11-1" in (tmp_path / "history.html").read_text("utf-8")


def test_a_history_that_cannot_be_written_is_a_warning(tmp_path):
    runs.finish(tmp_path, 0)
    (tmp_path / ".history.parquet.new").mkdir()
    (line,) = update_history(tmp_path)
    assert line.startswith(f"Warning: the history in {tmp_path} was not updated: ")
