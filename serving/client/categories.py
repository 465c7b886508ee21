"""Items by category: which ones a request allows and excludes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from modules.items.item_names import ItemNames
from serving.pushed_models import Recommendation


class CategoryRule(NamedTuple):
    """Categories that the recommended items must have, and must not have.

    Attributes:
      allow: an item must have one of them; None for any item, even one without a category.
      exclude: an item must have none of them, even if it has an allowed one too.
    """

    allow: frozenset[str] | None
    exclude: frozenset[str]

    @classmethod
    def of(cls, allow: Sequence[str] | None, exclude: Sequence[str]) -> CategoryRule | None:
        """Returns the rule; None if there is nothing to apply.

        Raises:
          ValueError: a text stands in place of a list.
        """
        for value in (allow, exclude):
            if isinstance(value, str):
                raise ValueError(f"categories must be a list, got the text {value!r}")
        if allow is None and not exclude:
            return None
        return cls(None if allow is None else frozenset(allow), frozenset(exclude))

    def permits(self, categories: Iterable[str]) -> bool:
        """Returns whether an item of some categories may be recommended.

        >>> CategoryRule.of(["shoes"], ["sale"]).permits(["shoes"])
        True
        >>> CategoryRule.of(["shoes"], ["sale"]).permits(["shoes", "sale"])
        False
        """
        found = frozenset(categories)
        return self.exclude.isdisjoint(found) and (
            self.allow is None or not self.allow.isdisjoint(found)
        )

    def kept(self, row: Sequence[Recommendation], names: ItemNames) -> list[Recommendation]:
        """Returns the recommendations that may stay, in their order."""
        return [item for item in row if self.permits(names.category(item.item_id))]

    def ids(self, names: ItemNames) -> tuple[list[str], list[str]]:
        """Returns the items to allow, and those to exclude, as `recommend_filtered` takes them.

        One of the two is empty: the excluded ones are left out of the allowed ones.
        """
        if self.allow is None:
            return [], names.of_category(self.exclude)
        allowed = names.of_category(self.allow)
        return [item for item in allowed if self.permits(names.category(item))], []
