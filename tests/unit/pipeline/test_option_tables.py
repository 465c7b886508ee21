"""docs/configuration.md shows what the options' declarations say."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from modules.config.fields import Section, option
from pipeline import option_tables
from pipeline.config import SECTIONS, Config


@dataclasses.dataclass(frozen=True)
class Shop(Section):
    """One option of each kind."""

    shelves: int | None = option(None, "shelves of the shop", limits=(1, 10**9), unit="shelves")
    rent: float = option(0.5, "what it costs", limits=(0, 1), excluding=(0,))
    door: str = option("open", "state of the door", choices=("open", "shut"))
    days: tuple[str, ...] = option(("mon",), "when it is open", choices=("mon", "tue"))
    steps: tuple[int, ...] = option((1, 2), "upper bounds", rising=True, unit="steps")
    lit: bool = option(True, "whether there is light")
    prices: dict[str, tuple[float, ...]] = option({"pen": (1.0, 2)}, "prices of each item")


def test_a_table_says_default_values_and_meaning() -> None:
    assert option_tables.table("shop", Shop).splitlines() == [
        "| option | default | values | meaning |",
        "|---|---|---|---|",
        "| `shop.shelves` | `null` | 1 to 1,000,000,000 shelves, `null` | shelves of the shop |",
        "| `shop.rent` | `0.5` | above 0, at most 1 | what it costs |",
        "| `shop.door` | `open` | `open`, `shut` | state of the door |",
        "| `shop.days` | `[mon]` | a list of `mon`, `tue` | when it is open |",
        "| `shop.steps` | `[1, 2]` | a rising list of steps | upper bounds |",
        "| `shop.lit` | `true` | `true`, `false` | whether there is light |",
        "| `shop.prices` | `{pen: [1.0, 2]}` | a mapping | prices of each item |",
    ]


def test_the_page_is_up_to_date() -> None:
    page = option_tables.PAGE.read_text("utf-8")
    same = option_tables.with_tables(page) == page
    assert same, "docs/configuration.md differs from the options: make docs-options"


def test_every_section_and_top_level_option_is_on_the_page() -> None:
    page = option_tables.PAGE.read_text("utf-8")
    assert re.findall(r"<!-- options: (\w+) -->", page) == list(SECTIONS)
    for field in dataclasses.fields(Config):
        assert field.name in SECTIONS or f"| `{field.name}` |" in page, field.name


def test_every_option_of_a_section_is_on_the_page() -> None:
    page = option_tables.PAGE.read_text("utf-8")
    for name, section in SECTIONS.items():
        for field in dataclasses.fields(section):
            assert f"| `{name}.{field.name}` |" in page


def test_a_table_that_is_not_there_yet_is_written_between_its_marks_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- options: hooks -->\n\n<!-- end -->\n# T\n<!-- options: index -->\n<!-- end -->\n"
    )
    option_tables.main(page)
    text = page.read_text()
    assert text.index("`hooks.on_event`") < text.index("# T") < text.index("`index.kind`")
    assert text.count("<!-- end -->") == 2


def test_what_is_between_the_marks_is_replaced_and_no_more(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# T\n<!-- options: tuner -->\n\nold\n\n<!-- end -->\nafter\n")
    option_tables.main(page)
    lines = page.read_text().splitlines()
    assert lines[:2] == ["# T", "<!-- options: tuner -->"]
    assert lines[-2:] == ["<!-- end -->", "after"]
    assert "old" not in lines and any(line.startswith("| `tuner.search`") for line in lines)


def test_an_unknown_section_is_an_error() -> None:
    with pytest.raises(KeyError, match="tunr"):
        option_tables.with_tables("<!-- options: tunr -->\n\n\n<!-- end -->")
