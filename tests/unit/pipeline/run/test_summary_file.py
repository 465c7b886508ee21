"""The file of a run's summary."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from pipeline.run.summary_file import read_summary, write_summary
from tests.run_summaries import make_summary


def test_is_written_whole_and_reads_back(tmp_path: Path) -> None:
    assert read_summary(tmp_path) == {}
    summary = make_summary()
    assert write_summary(summary, tmp_path) == tmp_path / "summary.json"
    assert read_summary(tmp_path) == summary
    with pytest.raises(ValueError):
        write_summary(make_summary(seed=math.nan), tmp_path)  # would be no JSON
    assert read_summary(tmp_path) == summary
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_a_summary_of_another_format_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(make_summary(format=99)))
    assert read_summary(tmp_path) == {}
    (tmp_path / "summary.json").write_text("{")
    assert read_summary(tmp_path) == {}
