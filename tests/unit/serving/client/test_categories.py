"""Which items categories allow and exclude."""

from __future__ import annotations

import pytest

from modules.items.item_names import ItemNames
from serving.client.categories import CategoryRule
from serving.pushed_models import Recommendation

NAMES = ItemNames({}, {"a": ("x",), "b": ("x", "sale"), "c": ("y",)})
ROW = [Recommendation(item, 0.0) for item in "abcd"]


@pytest.mark.parametrize(
    ("allow", "exclude", "kept", "ids"),
    [
        (None, ["sale"], "acd", ([], ["b"])),
        (["x"], [], "ab", (["a", "b"], [])),
        (["x", "y"], ["sale"], "ac", (["a", "c"], [])),
        (["no"], [], "", ([], [])),
        ([], [], "", ([], [])),
        (None, ["no"], "abcd", ([], [])),
    ],
)
def test_an_item_needs_an_allowed_category_and_no_excluded_one(
    allow: list[str] | None, exclude: list[str], kept: str, ids: tuple[list[str], list[str]]
) -> None:
    rule = CategoryRule.of(allow, exclude)
    assert rule is not None
    assert "".join(item.item_id for item in rule.kept(ROW, NAMES)) == kept
    assert rule.ids(NAMES) == ids


def test_without_categories_there_is_no_rule() -> None:
    assert CategoryRule.of(None, []) is None
    with pytest.raises(ValueError, match="must be a list, got the text 'shoes'"):
        CategoryRule.of(None, "shoes")
    with pytest.raises(ValueError, match="must be a list"):
        CategoryRule.of("shoes", [])
