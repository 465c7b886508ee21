"""What holds for every baseline, and how they are evaluated."""

from __future__ import annotations

import dataclasses
import doctest

import numpy as np
import pytest

from modules.baselines import registry
from modules.baselines.item_based import Popularity, SequentialRules
from modules.baselines.registry import BASELINES, make_baseline
from modules.baselines.session_knn import STAN
from modules.config.fields import option
from modules.config.options.baselines import BaselineOptions
from modules.evaluation import prediction_steps
from tests.baseline_ranks import evaluate_baseline, random_sessions, step_ranks


def test_docstrings_tell_the_truth() -> None:
    assert doctest.testmod(registry).failed == 0


@pytest.mark.parametrize("name", BASELINES)
def test_order_of_training_sessions_changes_nothing(name: str) -> None:
    """Another order renumbers the items and sums in another order: ties must stay."""
    train, test = random_sessions(3), random_sessions(4, items=12)

    forwards = step_ranks(make_baseline(name), train, test, range(len(train)))
    backwards = step_ranks(make_baseline(name), train[::-1], test, range(len(train))[::-1])

    np.testing.assert_array_equal(forwards.rank, backwards.rank)


@pytest.mark.parametrize("name", BASELINES)
def test_what_is_worked_on_at_a_time_changes_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = random_sessions(5), random_sessions(6, items=12)
    whole = step_ranks(make_baseline(name), train, test, range(len(train)))

    monkeypatch.setattr(prediction_steps, "_EVENTS_PER_PART", 20)
    monkeypatch.setattr(registry, "_STEPS_PER_PART", 7)
    in_parts = step_ranks(make_baseline(name), train, test, range(len(train)))

    np.testing.assert_array_equal(in_parts.rank, whole.rank)


def test_metrics_follow_both_views() -> None:
    """Known: a to b, found first. Honest: also b to x, a miss, and x to a, without any rule."""
    train = [["a", "b"], *([str(number)] for number in range(99))]

    values = evaluate_baseline(SequentialRules(), train, [["a", "b", "x"], ["x", "a"]])

    assert values["known/all/n"] == values["known/last/n"] == 1
    assert values["known/all/mrr@1"] == 1
    assert values["honest/all/n"] == 3
    assert values["honest/last/n"] == 2
    assert values["honest/all/recall@100"] == pytest.approx(1 / 3)
    assert values["honest/last/recall@100"] == 0


def test_no_training_event_is_refused() -> None:
    with pytest.raises(ValueError, match="train_sessions hold no event"):
        step_ranks(Popularity(), [[], []], [["a", "b"]])


def test_options_of_a_longer_name_are_not_those_of_a_shorter_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @dataclasses.dataclass(frozen=True)
    class Options(BaselineOptions):
        stan_x_depth: int = option(3, "depth", limits=(1, 9))

    monkeypatch.setitem(registry.BASELINES, "stan_x", dict)  # type: ignore[arg-type]
    assert make_baseline("stan_x", Options()) == {"depth": 3}
    stan = make_baseline("stan", Options(stan_recent=7))
    assert isinstance(stan, STAN) and stan.recent == 7


@pytest.mark.parametrize("name", BASELINES)
def test_no_test_session_gives_nan(name: str) -> None:
    values = evaluate_baseline(make_baseline(name), [["a", "b"]], [], [0])

    assert values["honest/all/n"] == 0
    assert np.isnan(values["known/all/recall@20"])
