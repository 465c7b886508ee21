"""What an output folder holds."""

from pipeline.run.output_state import disk_bytes, served_model


def test_the_newest_pushed_model_serves(tmp_path):
    assert served_model(tmp_path) is None
    for version in ("9", "10", "11"):
        (tmp_path / "pushed" / version).mkdir(parents=True)
        if version != "11":  # an unfinished one
            (tmp_path / "pushed" / version / "saved_model.pb").write_bytes(b"x")
    assert served_model(tmp_path) == str(tmp_path / "pushed" / "10")


def test_files_count_by_length_and_links_do_not(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"x" * 1000)
    (tmp_path / "file").write_bytes(b"x" * 24)
    empty = disk_bytes(tmp_path)
    assert empty == 1024
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b" / "file")
    assert empty <= disk_bytes(tmp_path) < empty + 1000
