"""An SVG file that stands alone."""

from __future__ import annotations

import doctest
import re
from xml.etree import ElementTree

from components.report import charts, drawing, svg

SVG = "{http://www.w3.org/2000/svg}"


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(svg)
    assert result.attempted and not result.failed


def test_the_file_of_curves_stands_alone() -> None:
    line = drawing.Line("choose", [1, 2, 3], [3.0, 2.0, 1.5], "candidate")
    panel = charts.Panel("mean loss", [line])
    text = svg.standalone(charts.curves("curves", [panel]))
    root = ElementTree.fromstring(text.encode())
    assert root.tag == f"{SVG}svg"
    style = next(root.iter(f"{SVG}style"), None)
    declared = "".join(element.text or "" for element in root.iter(f"{SVG}style"))
    assert style is not None
    assert set(re.findall(r"var\((--[a-z-]+)\)", text)) <= set(re.findall(r"--[a-z-]+", declared))
    assert "mean loss" in {"".join(label.itertext()) for label in root.iter(f"{SVG}text")}
