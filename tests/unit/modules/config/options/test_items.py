"""Options of the file of items."""

from __future__ import annotations

import pytest

from modules.config.options.items import ItemOptions


def test_the_defaults_are_no_problem() -> None:
    assert ItemOptions().problems() == []
    assert ItemOptions(file="items.csv", name_column="title", delimiter=";").problems() == []


@pytest.mark.parametrize("name", ["name_column", "category_column", "delimiter"])
def test_what_is_said_of_a_file_needs_one(name: str) -> None:
    assert ItemOptions(**{name: "|"}).problems() == [
        f"{name} needs items.file, the file that it is about"
    ]
