"""The model card as a section."""

from __future__ import annotations

import doctest
from xml.etree import ElementTree

from components.report.sections import card


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(card)
    assert result.attempted and not result.failed


def test_html_in_a_card_is_shown_and_its_tables_can_be_scrolled() -> None:
    text = '# Model card\n\nIts "name" is <b>it\'s</b>.\n\n| item | n |\n|---|---|\n| <i>a | 1 |\n'
    found = ElementTree.fromstring(f"<div>{card.card_html(text)}</div>")
    assert "Model card" not in "".join(found.itertext())
    assert found.findtext("p") == 'Its "name" is <b>it\'s</b>.'
    (table,) = found.iter("table")
    assert [cell.text for cell in table.iter("td")] == ["<i>a", "1"]
    (scroll,) = [element for element in found.iter("div") if element.get("class") == "scroll"]
    assert scroll[0] is table and scroll.get("tabindex") == "0"


def test_only_the_first_line_may_be_the_title() -> None:
    assert str(card.card_html("Text.\n\n# Not a title\n")).endswith("<h1>Not a title</h1>")
