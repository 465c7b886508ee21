"""What is declared of an option is what is checked."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from modules.config.fields import Declaration, Section, declared, from_json, option
from pipeline.config import SECTIONS


@dataclasses.dataclass(frozen=True)
class Shop(Section):
    """One option of each kind."""

    shelves: int = option(2, "shelves of the shop", limits=(1, 10_000), unit="shelves")
    rent: float | None = option(None, "what it costs", limits=(0, 1), excluding=(0, 1))
    doors: int = option(1, "ways in", limits=(1, math.inf))
    door: str = option("open", "state of the door", choices=("open", "shut"))
    days: tuple[str, ...] = option(("mon",), "when it is open", choices=("mon", "tue"))
    steps: tuple[int, ...] = option((1, 2), "upper bounds", rising=True)
    lit: bool = option(True, "whether there is light")
    prices: dict[str, float] = option({"pen": 1.0}, "price of each item")


def test_defaults_can_be_used_and_are_not_shared() -> None:
    assert Shop().problems() == []
    Shop().prices["pen"] = 2.0
    assert Shop().prices == {"pen": 1.0}


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"shelves": 10_000, "rent": 0.5, "doors": 10**9, "steps": (), "days": ()}, []),
        ({"shelves": 0}, ["shelves must be between 1 and 10000, got 0"]),
        ({"shelves": 2.0}, ["shelves must be an integer between 1 and 10000, got 2.0"]),
        ({"shelves": True}, ["shelves must be between 1 and 10000, got True"]),
        ({"shelves": None}, ["shelves must be an integer between 1 and 10000, got None"]),
        ({"rent": 1}, ["rent must be above 0 and below 1, got 1"]),
        ({"rent": math.nan}, ["rent must be above 0 and below 1, got nan"]),
        ({"doors": 0}, ["doors must be an integer of at least 1, got 0"]),
        ({"door": "ajar"}, ["door must be one of open, shut, got 'ajar'"]),
        ({"days": ("mon", "x", "y")}, [f"days must be of mon, tue, got '{d}'" for d in "xy"]),
        ({"steps": (2, 1)}, ["steps must rise from 0 or more, each below 1e+15, got [2, 1]"]),
        ({"lit": 1}, ["lit must be true or false, got 1"]),
        ({"lit": 1, "door": "a"}, ["door must be one of open, shut, got 'a'", "lit must be "]),
    ],
)
def test_every_value_outside_its_declaration_is_named(
    values: dict[str, Any], problems: list[str]
) -> None:
    found = Shop(**values).problems()
    assert len(found) == len(problems)
    assert all(map(str.startswith, found, problems))


def test_a_declaration_is_found_by_name() -> None:
    assert declared(Shop, "shelves").unit == "shelves"
    assert declared(Shop, "door") == Declaration("state of the door", choices=("open", "shut"))
    with pytest.raises(KeyError):
        declared(Shop, "floor")


def test_a_mistake_in_a_declaration_is_an_error() -> None:
    with pytest.raises(TypeError, match="limit"):
        option(1, "a number", limit=(0, 1))


def test_options_come_back_from_json() -> None:
    shop = Shop(shelves=3)
    assert from_json(Shop, dataclasses.asdict(shop)) == shop
    with pytest.raises(TypeError):
        from_json(Shop, {"floor": 1})


@pytest.mark.parametrize("section", SECTIONS)
def test_every_option_of_the_configuration_is_declared_in_full(section: str) -> None:
    for field in dataclasses.fields(SECTIONS[section]):
        rule = declared(SECTIONS[section], field.name)
        assert rule.sentence, field.name
        is_number = str(field.type).split()[0] in ("int", "float")
        assert bool(rule.limits) == is_number or field.name == "max_session_length", field.name
