"""The section `beam`: its defaults are usable, and its limits are said."""

from __future__ import annotations

from pipeline.beam.options import BeamOptions


def test_the_defaults_leave_all_to_the_runner() -> None:
    options = BeamOptions()
    assert options.problems() == []
    assert (options.shared_files, options.flink_url, options.worker_logs) == (None, None, None)


def test_the_time_limit_is_above_nothing_and_at_most_a_day() -> None:
    for value, problems in ((0.0, 1), (-1.0, 1), (0.5, 0), (1440.0, 0), (1441.0, 1)):
        found = BeamOptions(start_minutes=value).problems()
        assert len(found) == problems
        assert all("start_minutes must be above 0 and at most 1440" in line for line in found)
