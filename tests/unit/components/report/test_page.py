"""The page as HTML."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from components.report import page, sections
from components.report.run_parts import RunParts, Table


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(page)
    assert result.attempted and not result.failed


def test_a_page_without_any_part_names_every_gap() -> None:
    text = page.render({"name": "shop", "made": "today"}, {"verdict": "it is <gone>"})
    assert "No verdict: it is &lt;gone&gt;." in text
    for section in page.SECTIONS:
        assert f'id="{section.name}"' in text
        assert section.title in text


def test_every_section_is_listed() -> None:
    files = Path(sections.__path__[0]).glob("[!_]*.py")
    modules = [importlib.import_module(f"{sections.__name__}.{file.stem}") for file in files]
    assert {module.SECTION.name for module in modules} == {each.name for each in page.SECTIONS}
    assert len(modules) == len(page.SECTIONS) > 10


def test_parts_of_an_odd_form_leave_a_section_that_says_so_and_all_others() -> None:
    parts = {"name": "shop", "verdict": {"rows": 3, "blessed": True}, "fingerprints": [("a", "b")]}
    text = page.render(parts, {"card": "gone"})
    assert "No verdict: the section could not be made: TypeError" in text
    assert "No model card: gone." in text and "<h1>shop</h1>" in text
    assert '<tr><th scope="row">a</th><td class="left wrap">b</td></tr>' in text


def test_a_section_whose_parts_cannot_be_made_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(run: RunParts) -> None:
        raise KeyError("epochs")

    broken = page.SECTIONS[5]._replace(add_parts=fail)
    monkeypatch.setattr(page, "SECTIONS", [broken])
    run = RunParts({}, {}, "")
    page.gather(run)
    text = page.render(run.parts, run.missing)
    for what in ("counts of rows", "session lengths", "item popularity"):
        assert f"No {what}: it could not be made: KeyError" in text


def test_what_comes_from_data_is_escaped() -> None:
    evil = "<img src=x>"
    parts = {
        "name": evil,
        "config": {evil: [(evil, evil)]},
        "counts": {"splits": [evil], "rows": [(evil, [1])]},
        "fingerprints": [(evil, evil)],
        "out_of_vocabulary_rates": Table(evil, [[evil, evil]], [evil, evil]),
    }
    text = page.render(parts, {})
    assert "<img" not in text and text.count("&lt;img") >= 13


def test_a_section_of_tables_needs_no_markup() -> None:
    rates = Table("Rates", [["train", "1,234"], ["test", "7"]], ["split", "events"])
    text = page.render({"out_of_vocabulary_rates": rates}, {"vocabulary_facts": "it is gone"})
    assert "<caption>Rates</caption>" in text and '<th scope="col">events</th>' in text
    assert '<tr><th scope="row">train</th><td>1,234</td></tr>' in text
    assert "No vocabulary facts: it is gone." in text
    facts = Table("Items", [["events", "7"]])
    text = page.render({"vocabulary_facts": facts}, {})
    assert '<tr><th scope="row">events</th><td class="left wrap">7</td></tr>' in text
    assert "No out of vocabulary rates: none was made." in text
