"""Files of the artifact."""

from modules.ingest import beam_sessions, output_files
from tests.click_files import read_records


def test_a_second_run_of_an_element_changes_nothing(tmp_path):
    output_files.prepare(str(tmp_path), ["train"])
    path = tmp_path / "Split-train" / "data_tfrecord-00001-of-00002.gz"
    writer = output_files.WriteBatch(str(tmp_path))
    for _ in range(2):
        assert list(writer.process(beam_sessions.Batch("train", "train", 1, 2, [b"one"]))) == [
            str(path)
        ]
    output_files.finish(str(tmp_path))
    assert read_records(tmp_path / "Split-train") == [b"one"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["Split-train", "rejects"]


def test_files_of_an_earlier_attempt_are_removed(tmp_path):
    output_files.prepare(str(tmp_path), ["train"])
    (tmp_path / "Split-train" / "data_tfrecord-00000-of-00009.gz").write_bytes(b"old")
    output_files.prepare(str(tmp_path), ["train"])
    assert list((tmp_path / "Split-train").iterdir()) == []
