"""The shop's structure, and the stream of random numbers."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.sample.generate import generate_sessions
from pipeline.sample.shop import Draws, build_shop


def test_item_before_the_last_adds_to_what_its_family_predicts() -> None:
    """A target is linked from the item before the last one oftener than from that item's kin."""
    train, _ = generate_sessions(2_000, seed=5)
    shop = build_shop(Draws(5), 2_000)
    index = {item_id: item for item, item_id in enumerate(shop.item_ids)}
    linked = linked_from_kin = 0.0
    for session in train:
        items = [index[item_id] for item_id in session.item_ids]
        for before, current, target in zip(items, items[1:], items[2:], strict=False):
            first, end = shop.family[before]
            kin = [item for item in range(first, end) if item not in (before, current)]
            if kin and target not in shop.links[current] and target not in (before, current):
                linked += target in shop.links[before]
                linked_from_kin += sum(target in shop.links[item] for item in kin) / len(kin)

    assert linked > 1.2 * linked_from_kin


def test_draws_follow_their_weights() -> None:
    draws = Draws(1)
    totals = [1, 1, 4, 8]  # weights 1, 0, 3, 4
    seen = Counter(draws.position(totals) for _ in range(8_000))
    in_part = Counter(draws.position(totals, 1, 3) for _ in range(100))

    assert seen[1] == 0
    assert [seen[place] / 8_000 for place in (0, 2, 3)] == pytest.approx(
        [1 / 8, 3 / 8, 1 / 2], abs=0.02
    )
    assert set(in_part) == {2}
    assert sorted(Draws(2).permutation(50)) == list(range(50))


def test_shop_keeps_late_items_out_until_their_day() -> None:
    shop = build_shop(Draws(4), 300)
    for day, totals in enumerate(shop.popularity):
        weights = [end - start for start, end in zip([0, *totals[:-1]], totals, strict=True)]
        assert all(
            (weight > 0) == (entry <= day)
            for weight, entry in zip(weights, shop.entry_day, strict=True)
        )
