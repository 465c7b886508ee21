"""`session-retrieval forget`: what it prints, and when it does not begin."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.run.lock import exclusive
from tests import forgettable_out as made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    out = made.make(tmp_path / "out")
    (out / "config.yaml").write_text("name: shop\ndata: {train: clicks.tsv, folder: /logs}\n")
    return out


def test_counts_are_printed_with_what_is_left_to_do(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_bytes(gzip.compress(b'"secret-1"\r\n"common-2"\r\n"nobody"\r\n'))
    assert main(["forget", "--sessions", str(ids), "--out", str(out), "--dry-run"]) == 0
    assert "would remove" in capsys.readouterr().out
    assert main(["forget", "--sessions", str(ids), "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["removed", "files"]
    assert ["sessions", "in", "examples", "2", "1"] in [line.split() for line in lines]
    assert "1 of the ids are in no examples that are kept." in lines
    assert f"  {out}/pushed/7" in lines
    assert lines[-2:] == [
        "Your own files are not changed: /logs/clicks.tsv",
        "Name such a list as sessions.forget_file, and runs leave these rows out.",
    ]
    with (out / "config.yaml").open("a") as config:
        config.write("sessions: {forget_file: /lists/gone.txt}\n")
    assert main(["forget", "--sessions", str(ids), "--out", str(out)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "Runs leave out the rows of the ids in /lists/gone.txt."


def test_it_waits_for_no_run(out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("secret-1\n")
    before = made.bytes_of(out / "artifacts")
    with exclusive(out):
        assert main(["forget", "--sessions", str(ids), "--out", str(out)]) == 1
    assert "Another run" in capsys.readouterr().err
    assert made.bytes_of(out / "artifacts") == before


@pytest.mark.parametrize(("content", "reason"), [("\n \n", "has no ids"), ("PK\3\4", "ids.txt")])
def test_a_list_that_cannot_be_used_is_refused(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, reason: str
) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text(content)
    assert main(["forget", "--sessions", str(ids), "--out", str(out)]) == 1
    assert reason in capsys.readouterr().err
