from __future__ import annotations

import pytest

from modules.evaluation import slice_names


def test_without_bounds_one_slice_holds_all() -> None:
    assert slice_names.bucket_names("target_count", ()) == ["target_count=0.."]


@pytest.mark.parametrize("bounds", [(5, 2), (2, 2), (-3, 2)])
def test_bounds_that_do_not_rise_are_named(bounds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="context_length_buckets must rise from 0 or more"):
        slice_names.bucket_names("context_length", bounds)


def test_only_ages_have_a_slice_of_new_items() -> None:
    counts, ages = {"target_count": (0,)}, {"item_age": (3,)}
    of_counts = ["target_count=0", "target_count=1.."]
    assert slice_names.slice_names(counts) == of_counts
    of_ages = ["item_age=0..3", "item_age=4..", "item_age=new"]
    assert slice_names.slice_names({**ages, **counts}) == [*of_ages[:2], *of_counts, of_ages[2]]
