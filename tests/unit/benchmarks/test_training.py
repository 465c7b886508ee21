"""The comparison of where windows come from, on few sessions."""

from __future__ import annotations

import pytest

from benchmarks.training import compare_sources, load_without_files, make_sessions, make_windows
from modules.training import fitting


def test_windows_from_memory_from_files_and_from_shards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "_SMALLEST_SHARD_MB", 0.001)
    config = load_without_files("sample", ("model.ensemble_size=1", "model.gru_units=0"))
    compare_sources(make_windows(make_sessions(300, 50), config.features), config)
    rows = capsys.readouterr().out.splitlines()
    for source in ("memory", "TFRecords in each epoch", "shards, written in"):
        assert any(source in row for row in rows), source
    assert not any(row.startswith(("0 shards", "1 shards")) for row in rows)
