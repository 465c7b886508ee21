"""V-SkNN and STAN: hand-computed catalogues of 4 items, and plain-Python twins of the formulas."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from modules.baselines import session_knn
from modules.baselines.base import SparseBaseline
from modules.baselines.session_knn import STAN, VSkNN
from modules.evaluation import prediction_steps
from modules.evaluation.prediction_steps import all_steps, index_sessions
from modules.evaluation.ranks import UNRANKED, conservative_rank
from tests.baseline_ranks import step_ranks

DAY = 86_400_000
CATALOGUE = {"a": 0, "b": 1, "c": 2, "d": 3}


def _scores(
    baseline: SparseBaseline, train: Sequence[str], prefix: str, times: Sequence[int] | None = None
) -> list[float]:
    """Returns the scores of items a to d after a prefix, 0 for none; an item is a letter."""
    times = range(len(train)) if times is None else times
    baseline.fit(index_sessions(train, CATALOGUE, times), len(CATALOGUE))
    asked, _ = all_steps(index_sessions([[*prefix, "a"]], CATALOGUE))
    return baseline.scores(asked).toarray()[-1].tolist()


def test_v_sknn_by_hand() -> None:
    """After b, c, b: b weighs 3/3, c 2/3. abd shares b, cd shares c, its n is 2."""
    scores = _scores(VSkNN(idf_weight=0), ["abd", "cd", "a"], "bcb")

    assert scores == pytest.approx([1, 1, 1 / 3, 1 + 1 / 3])


def test_v_sknn_prefers_rare_items() -> None:
    """idf: a log(4/3), b log(4/2), c log(4/1), d log(4/4): an item counts by its events."""
    scores = _scores(VSkNN(idf_weight=5), ["abc", "ba", "add", "dd"], "a")
    idf = [math.log(4 / 3), math.log(2), math.log(4), 0]

    assert scores == pytest.approx([3 * (1 + 5 * idf[0]), 2 * (1 + 5 * idf[1]), 1 + 5 * idf[2], 1])


def test_v_sknn_uses_the_most_similar_sessions_only() -> None:
    """abc shares 3/3 + 1/3, bd 2/3, ad 1/3 by its item a."""
    train = ["abc", "bd", "ad"]

    assert _scores(VSkNN(neighbors=1, idf_weight=0), train, "abc")[3] == 0
    assert _scores(VSkNN(neighbors=2, idf_weight=0), train, "abc")[3] == pytest.approx(2 / 3 / 2)


def test_of_equally_similar_sessions_the_newer_ones_are_used() -> None:
    train = ["ab", "ac", "ad"]

    assert _scores(VSkNN(neighbors=2, idf_weight=0), train, "a", [3, 1, 2]) == [2, 1, 0, 1]


def test_only_the_newest_sessions_that_share_an_item_are_looked_at() -> None:
    """The oldest shares both items, but is not among the two newest; d alone shares nothing."""
    train = ["abc", "bd", "ac", "d"]

    assert _scores(VSkNN(recent=2, idf_weight=0), train, "ab") == pytest.approx([0.25, 1, 0.25, 1])


def test_stan_by_hand() -> None:
    """After a, b with lambdas 1, 2 days, 0.5: a weighs exp(-1), b 1.

    `bcd`, of the newest day, shares b at place 0; `adb`, two days older, shares both, b the last.
    """
    baseline = STAN(prefix_decay=1, decay_days=2, position_decay=0.5)
    new = 1 / math.sqrt(3)
    old = (1 + math.exp(-1)) / math.sqrt(3) * math.exp(-1)

    scores = _scores(baseline, ["adb", "bcd"], "ab", [0, 2 * DAY])

    assert scores == pytest.approx(
        [
            old * math.exp(-4),
            new + old,
            new * math.exp(-2),
            new * math.exp(-4) + old * math.exp(-2),
        ]
    )


def test_stan_takes_the_last_place_of_an_item() -> None:
    baseline = STAN(prefix_decay=1, decay_days=1e9, position_decay=1)

    scores = _scores(baseline, ["acbca"], "a")

    given = 1 / math.sqrt(3)
    assert scores == pytest.approx([given, given * math.exp(-2), given * math.exp(-1), 0])


def test_stan_demotes_the_current_item_alone() -> None:
    train, prefix = ["abc", "cab"], "ab"
    plain = _scores(STAN(), train, prefix)
    demoted = _scores(STAN(current_item_factor=0.05), train, prefix)

    assert demoted == pytest.approx([plain[0], plain[1] * 0.05, plain[2], 0])


def test_a_prefix_without_a_known_item_scores_nothing() -> None:
    for baseline in (VSkNN(), STAN()):
        assert step_ranks(baseline, ["ab", "c"], [["x", "a"]], [0, 1]).rank.tolist() == [UNRANKED]
        assert step_ranks(baseline, ["ab", "c"], [["x", "y"]], [0, 1]).rank.tolist() == [UNRANKED]


@pytest.mark.parametrize("baseline", [VSkNN(), STAN()])
def test_start_times_are_needed(baseline: SparseBaseline) -> None:
    with pytest.raises(ValueError, match="sessions have no start_times"):
        step_ranks(baseline, ["ab"], ["ab"])


@pytest.mark.parametrize("field", ["neighbors", "recent"])
def test_settings_that_cannot_work_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} must be at least 1, got 0"):
        STAN(**{field: 0})


def _random_sessions(seed: int, count: int, items: int) -> list[list[str]]:
    random = np.random.default_rng(seed)
    return [
        [str(item) for item in random.integers(0, items, random.integers(1, 12))]
        for _ in range(count)
    ]


def _sampled(train, prefix, recent):
    """Numbers of the newest sessions that share an item; a higher number is newer."""
    shared = [number for number, session in enumerate(train) if set(session) & set(prefix)]
    return sorted(shared, reverse=True)[:recent]


def _nearest(similarity, count):
    ordered = sorted(similarity, key=lambda number: (-round(similarity[number], 12), -number))
    return ordered[:count]


def _plain_v_sknn(train, events, prefix, count, recent, idf_weight):
    weight = {item: place / len(prefix) for place, item in enumerate(prefix, 1)}
    similarity = {
        number: sum(weight[item] for item in set(train[number]) & set(prefix))
        for number in _sampled(train, prefix, recent)
    }
    scores: dict[str, float] = {}
    for number in _nearest(similarity, count):
        youngest = next(n for n, item in enumerate(prefix[::-1], 1) if item in train[number])
        for item in set(train[number]):
            idf = 1 + idf_weight * math.log(len(train) / events[item])
            scores[item] = scores.get(item, 0) + similarity[number] / youngest * idf
    return scores


def _plain_stan(train, prefix, count, recent, decays, factor):
    by_prefix, by_days, by_position = decays
    weight = {
        item: math.exp(-age / by_prefix) for age, item in reversed([*enumerate(prefix[::-1])])
    }
    similarity = {
        number: sum(weight[item] for item in set(train[number]) & set(prefix))
        / math.sqrt(len(set(train[number])))
        * math.exp(-(len(train) - 1 - number) / by_days)
        for number in _sampled(train, prefix, recent)
    }
    scores: dict[str, float] = {}
    for number in _nearest(similarity, count):
        last = {item: place for place, item in enumerate(train[number])}
        shared = max(place for item, place in last.items() if item in prefix)
        for item, place in last.items():
            given = similarity[number] * math.exp(-abs(place - shared) / by_position)
            scores[item] = scores.get(item, 0) + given * (factor if item == prefix[-1] else 1)
    return scores


def _plain_ranks(train, test, scores_of):
    items = sorted({item for session in train for item in session})
    ranks = []
    for session in test:
        for end in range(1, len(session)):
            scores = scores_of(session[:end])
            # Items that have equal scores by the formula differ in the last bits of sums.
            row = np.array([[round(scores.get(item, -np.inf), 9) for item in items]])
            ranks += conservative_rank(row, [items.index(session[end])]).tolist()
    return ranks


@pytest.mark.parametrize(("count", "recent"), [(500, 2500), (6, 500), (500, 9), (5, 12)])
def test_v_sknn_equals_its_plain_twin(count: int, recent: int, monkeypatch) -> None:
    monkeypatch.setattr(prediction_steps, "_COST_PER_BLOCK", 1_000)
    train, test = _random_sessions(1, 60, 25), _random_sessions(2, 40, 25)
    events = Counter(item for session in train for item in session)
    baseline = VSkNN(neighbors=count, recent=recent, idf_weight=2.0)
    expected = _plain_ranks(
        train, test, lambda prefix: _plain_v_sknn(train, events, prefix, count, recent, 2.0)
    )

    found = step_ranks(baseline, train, test, range(len(train)))

    assert found.rank.tolist() == expected


@pytest.mark.parametrize("factor", [1.0, 0.05])
@pytest.mark.parametrize(("count", "recent"), [(500, 1000), (6, 500), (5, 12)])
def test_stan_equals_its_plain_twin(count: int, recent: int, factor: float, monkeypatch) -> None:
    monkeypatch.setattr(prediction_steps, "_COST_PER_BLOCK", 1_000)
    train, test = _random_sessions(3, 60, 25), _random_sessions(4, 40, 25)
    decays = (1.81, 30.0, 0.4525)
    baseline = STAN(count, recent, *decays, factor)
    expected = _plain_ranks(
        train, test, lambda prefix: _plain_stan(train, prefix, count, recent, decays, factor)
    )

    found = step_ranks(baseline, train, test, [number * DAY for number in range(len(train))])

    assert found.rank.tolist() == expected


def test_sums_in_another_order_tie() -> None:
    """0.1 + 0.2 + 0.3 depends on the order in its last bit."""
    sums = np.array([(0.1 + 0.2) + 0.3, 0.1 + (0.2 + 0.3), 0.0, 5e-324, 1e300, 0.6 + 1e-9])
    rounded = session_knn._rounded(sums)

    assert sums[0] != sums[1] and rounded[0] == rounded[1] != rounded[5]
    np.testing.assert_allclose(rounded, sums, rtol=1e-11)
