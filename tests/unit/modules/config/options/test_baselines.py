from __future__ import annotations

import dataclasses

import pytest

from modules.baselines.registry import BASELINES, make_baseline
from modules.config.options.baselines import BASELINE_NAMES, BaselineOptions


def test_names_are_those_of_the_baselines_that_can_be_made() -> None:
    assert tuple(BASELINES) == BASELINE_NAMES
    assert BaselineOptions().problems() == []


def test_a_wrong_name_a_name_twice_and_a_wrong_window_are_all_reported() -> None:
    options = BaselineOptions(names=("popularity", "gru", "popularity"), rules_window=21)

    assert options.problems() == [
        f"names must be of {', '.join(BASELINE_NAMES)}, got 'gru'",
        "rules_window must be between 1 and 20, got 21",
        "names must each be given once, got ['popularity', 'gru', 'popularity']",
    ]


def test_settings_reach_the_baseline() -> None:
    made = make_baseline("sequential_rules", BaselineOptions(rules_window=3, rules_repeats=False))

    assert (made.window, made.repeats) == (3, False)
    made = make_baseline("stan", BaselineOptions(stan_recent=7, v_sknn_recent=8))
    assert (made.recent, made.neighbors) == (7, BaselineOptions().stan_neighbors)


SETTINGS = [field for field in dataclasses.fields(BaselineOptions) if field.name != "names"]


@pytest.mark.parametrize("field", SETTINGS, ids=lambda field: field.name)
def test_every_option_reaches_one_baseline(field: dataclasses.Field) -> None:
    other = not field.default if isinstance(field.default, bool) else field.default / 2
    options = BaselineOptions(**{field.name: type(field.default)(other)})
    settings = [
        [repr(make_baseline(name, found)) for found in (options, BaselineOptions())]
        for name in BASELINE_NAMES
        if dataclasses.is_dataclass(BASELINES[name])
    ]
    assert sum(one != default for one, default in settings) == 1
