"""The fingerprint of the input files."""

import os

import pytest

from modules.files import fingerprint
from modules.files.fingerprint import FingerprintError, files_fingerprint


def test_the_digest_of_files_sees_names_lengths_and_times(tmp_path):
    pattern = str(tmp_path / "*.tsv")
    path = tmp_path / "a.tsv"
    path.write_bytes(b"one")
    digests = {files_fingerprint([("train", pattern)])}
    assert files_fingerprint([("train", pattern)]) in digests
    path.write_bytes(b"two, longer")
    digests.add(files_fingerprint([("train", pattern)]))
    second = 1_700_000_000_000_000_000
    for time in (second + 1_000, second + 2_000):  # TensorFlow's own times are of seconds
        os.utime(path, ns=(time, time))
        digests.add(files_fingerprint([("train", pattern)]))
    path.rename(tmp_path / "b.tsv")
    digests.add(files_fingerprint([("train", pattern)]))
    digests.add(files_fingerprint([("train", pattern), ("test", pattern)]))
    assert len(digests) == 6


def test_a_file_that_is_removed_before_it_is_digested_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "find_files", lambda pattern: [str(tmp_path / "gone.tsv")])
    with pytest.raises(FingerprintError, match=r"'train': .*gone\.tsv cannot be read: "):
        files_fingerprint([("train", str(tmp_path / "*.tsv"))])
