"""The table of what properties of items add."""

from __future__ import annotations

from benchmarks.item_features import COLUMNS, RARE, differences, row, values_of


def test_a_run_has_the_metrics_of_all_steps_and_of_rare_targets() -> None:
    metrics = {column: number / 10 for number, column in enumerate(COLUMNS)}
    rare = {column: number / 100 for number, column in enumerate(COLUMNS)}
    found = values_of({"metrics": metrics, "slices": {RARE: rare, "target_count=0": {}}})
    assert found == [0.0, 0.1, 0.2, 0.3, 0.0, 0.01]


def test_seeds_are_compared_in_pairs() -> None:
    """Means hide how much a difference varies."""
    more = differences([[0.5, 0.2], [0.6, 0.2]], [[0.6, 0.2], [0.6, 0.3]])
    assert row("more", more) == "| more | 0.050 (0.000 to 0.100) | 0.050 (0.000 to 0.100) |"
