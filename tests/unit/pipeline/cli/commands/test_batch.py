"""Where answers are written."""

from pathlib import Path

import pytest

from pipeline.beam.preset_files import load_beam_preset
from pipeline.cli.commands.batch import beam_flags
from pipeline.cli.main import main
from pipeline.config import LOCAL_BEAM


def test_an_output_that_cannot_be_written_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--sessions", "a.tsv", "--model", "none", "--to", "s3://bucket/answers"]
    assert main(["batch", *where]) == 1
    assert "s3://bucket/answers: s3:// cannot be opened here" in capsys.readouterr().err


def test_a_presets_name_stands_for_its_flags(tmp_path: Path) -> None:
    prism = load_beam_preset("prism").flags
    assert beam_flags(["prism", "--experiments=x"])[: len(prism) + 1] == (*prism, "--experiments=x")
    assert beam_flags(["--runner", "FlinkRunner"]) == ("--runner", "FlinkRunner")
    own = tmp_path / "own.yaml"
    own.write_text("- --runner=SparkRunner\n")
    assert beam_flags([str(own)]) == ("--runner=SparkRunner",)
    assert beam_flags([]) == LOCAL_BEAM
