from __future__ import annotations

from modules.baselines.registry import BASELINES, make_baseline
from modules.config.baselines import BASELINE_NAMES, BaselineOptions


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
