"""Charts of plain numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

from components.report import charts, svg


def test_charts_take_colours_of_the_page_and_no_other() -> None:
    drawn = charts.popularity("p", np.array([9, 4, 2, 1]), catalogue_size=3)
    assert "var(--candidate)" in drawn and "catalogue ends" in drawn
    assert not set(svg.COLOURS.values()) & set(re.findall(r"#[0-9a-f]{6}", drawn))
    assert svg.LIGHT.keys() == svg.DARK.keys() == {*svg.COLOURS, "paper"}


def test_equal_numbers_make_equal_charts_and_no_two_charts_share_an_id() -> None:
    lengths = {"train": np.array([0, 0, 5, 3]), "test": np.array([0, 0, 1] + [0] * 40 + [1])}
    one, same, other = (charts.session_lengths(name, lengths) for name in ("a", "a", "b"))
    assert one == same
    ids = [set(re.findall(r'\bid="([^"]+)"', drawn)) for drawn in (one, other)]
    assert ids[0] and not ids[0] & ids[1]
    references = set(re.findall(r'(?:href="#|url\(#)([^")]+)', one))
    assert references <= ids[0]


def test_a_description_cannot_leave_its_attribute() -> None:
    drawn = charts.bars("b", "m", [charts.Bar('"><script>', 0.5, None, "baseline")])
    assert "<script>" not in drawn
    assert '"><script>' in ElementTree.fromstring(drawn).attrib["aria-label"]
