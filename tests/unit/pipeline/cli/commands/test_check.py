"""`session-retrieval check` says of each file whether it is usable."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.cli.main import main
from tests.specifications import good_fields


def test_a_usable_file_is_told_from_one_that_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = good_fields()
    good, missing = tmp_path / "good.yaml", tmp_path / "missing.yaml"
    good.write_text(yaml.safe_dump_all([fields["spec"], fields["platform"]]), "utf-8")
    assert main(["check", str(good)]) == 0
    assert capsys.readouterr().out == f"{good}: ok\n"
    assert main(["check", str(good), str(missing)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"{good}: ok", f"{missing}: not usable"]
    assert "No such file or directory" in lines[2]


def test_at_least_one_file_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 2
    assert "Missing argument 'FILES...'" in capsys.readouterr().err
