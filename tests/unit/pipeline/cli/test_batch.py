"""Where answers are written."""

import pytest

from pipeline.cli.main import main


def test_an_output_that_cannot_be_written_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--sessions", "a.tsv", "--model", "none", "--to", "s3://bucket/answers"]
    assert main(["batch", *where]) == 1
    assert "s3://bucket/answers: s3:// cannot be opened here" in capsys.readouterr().err
