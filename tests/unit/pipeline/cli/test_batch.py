"""Where answers are written."""

import pytest

from pipeline.cli.main import main


def test_answers_are_refused_where_nobody_can_write(capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--sessions", "a.tsv", "--model", "none", "--to", "s3://bucket/answers"]
    assert main(["batch", *where]) == 1
    assert "s3://bucket/answers: s3:// cannot be opened here" in capsys.readouterr().err
