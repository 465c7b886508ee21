"""Rows of the benchmarks' tables are of configurations that differ."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.ablation import SWITCHES
from benchmarks.training import CONFIGURATIONS, load_without_files

TABLES = {
    "ablation": {name: ("retailrocket", overrides) for name, overrides in SWITCHES.items()},
    "training": CONFIGURATIONS,
}


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_another_one_by_a_second_name(table: str) -> None:
    configs = {name: load_without_files(*row) for name, row in TABLES[table].items()}
    for (one, first), (other, second) in itertools.combinations(configs.items(), 2):
        first, second = (
            (config.features, config.model, config.trainer) for config in (first, second)
        )
        assert first != second, (one, other)
