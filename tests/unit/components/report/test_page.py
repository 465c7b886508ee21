"""The page's pure parts: rows, facts, charts, SVG and HTML."""

from __future__ import annotations

import doctest
import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from components.report import charts, curves, page, sources, svg, tables
from components.report.run_parts import RunParts, metric_charts
from components.report.session_facts import EXAMPLES, Sessions, first_sessions, split_facts
from modules.evaluation import rank_table
from modules.evaluation.metrics import UNRANKED

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", ["tables", "page", "svg"])
def test_examples_in_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"components.report.{name}"))
    assert result.attempted and not result.failed


def _sessions(*sessions: Sequence[bytes], first: int = 0) -> Sessions:
    lengths = [len(session) for session in sessions]
    return Sessions(
        np.array([b"s%d" % (first + place) for place in range(len(sessions))], object),
        np.array([item for session in sessions for item in session], object),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )


def test_facts_of_a_split_by_hand() -> None:
    batches = [
        _sessions([b"a", b"b"], [b"a", b"x", b"a"]),
        _sessions([b"c", b"y", b"y", b"b"], first=2),
    ]
    facts = split_facts(batches, known={b"a", b"b", b"c"}, catalogue={b"a", b"b"})

    assert (facts.sessions, facts.events, facts.items) == (3, 9, 5)
    assert facts.lengths.tolist() == [0, 0, 1, 1, 1]
    assert (facts.unknown_events, facts.unknown_items) == (3, 2)  # x, y, y
    assert facts.uncatalogued_events == 4  # c as well
    # Two events are too few to show.
    assert {(e.session_id, *e.prefix, e.target) for e in facts.examples} == {
        (b"s1", b"a", b"x", b"a"),
        (b"s2", b"c", b"y", b"y", b"b"),
    }
    (row,) = tables.unknown_rates({"test": facts})
    assert row == ("test", ["3", "9", "5", "40.0%", "33.3%", "44.4%"])


def test_an_empty_split_has_facts() -> None:
    facts = split_facts([], set(), set())
    assert (facts.sessions, facts.events, facts.lengths.tolist()) == (0, 0, [0])
    assert tables.unknown_rates({"test": facts})[0][1][3:] == ["-", "-", "-"]


def test_example_sessions_depend_on_ids_alone() -> None:
    sessions = [[b"a", b"b", b"c"]] * 100
    whole = _sessions(*sessions)
    parts = [_sessions(*sessions[:30]), _sessions(*sessions[30:], first=30)]
    chosen = [split_facts(batches, set(), set()).examples for batches in ([whole], parts)]
    assert chosen[0] == chosen[1]
    assert len({example.session_id for example in chosen[0]}) == EXAMPLES


def test_reading_stops_once_there_are_enough_sessions() -> None:
    batch = _sessions([b"a"], [b"b"])
    assert len(list(first_sessions([batch] * 9, most=3))) == 2


def _figure(value: float | None) -> dict[str, Any]:
    return {"value": value, "interval": None if value is None else [value - 0.1, value + 0.1]}


SLICES = {
    "context_length=0..1": {
        "n": 5,
        "honest/all/recall@20": {"candidate": _figure(0.4), "popularity": _figure(0.2)},
    },
    "context_length=2..": {
        "n": 4,
        "honest/all/recall@20": {"candidate": _figure(0.6), "popularity": _figure(0.8)},
    },
    "item_age=new": {
        "n": 0,
        "honest/all/recall@20": {"candidate": _figure(None), "popularity": _figure(0.0)},
    },
}


def test_heat_tables_mark_the_best_of_a_row_and_name_slices_in_words() -> None:
    (table,) = tables.heat_tables(SLICES)
    assert (table.metric, table.columns) == ("honest/all/recall@20", ["candidate", "popularity"])
    seen, age = table.groups.values()
    assert list(table.groups) == ["items seen so far", "age of the next item, days"]
    assert [row.name for row in [*seen, *age]] == ["0 to 1", "2 or more", "new to the model"]
    heats = [[round(cell.heat, 2) for cell in row.cells] for row in seen]
    assert heats == [[0.5, 0.25], [0.75, 1.0]]
    assert [[cell.best for cell in row.cells] for row in seen] == [[True, False], [False, True]]
    # Nothing was found by anyone: nobody is best.
    assert age[0].cells == [(None, 0.0, False), (0.0, 0.0, False)]


def test_figures_beyond_accuracy_by_slice_have_a_scale_per_column() -> None:
    slices = {
        "session_length=2": {
            "prefixes": 3,
            "novelty@20": {"value": 8.0, "interval": [7.0, 9.0]},
            "repeats@20": {"value": None, "interval": None},
        },
        "item_age=new": {
            "prefixes": 1,
            "novelty@20": {"value": 2.0, "interval": None},
            "repeats@20": {"value": 0.5, "interval": None},
        },
    }
    whole = {"prefixes": 4, "target_popularity": {"value": 9.0}, **slices["session_length=2"]}
    table = tables.beyond_accuracy_table({**whole, "slices": slices})
    assert table and table.columns == ["novelty@20", "repeats@20"]
    by_length, by_age = table.groups.values()
    assert by_length[0] == ("events in the session", "2", 3, [(8.0, 1, False), (None, 0, False)])
    assert by_age[0][1:] == ("new to the model", 1, [(2.0, 0.25, False), (0.5, 1, False)])
    assert tables.beyond_accuracy_table({"prefixes": 0, "slices": {}}) is None
    text = page.render({"name": "shop", "heat_tables": [table], "beyond_table": table}, {})
    assert '<th scope="col">prefixes</th>' in text and "new to the model" in text


def test_metrics_are_grouped_by_view() -> None:
    one = {"known/all/recall@20": 0.5, "known/all/n": 7, "known/all/recall@20/target_count=0": 0.1}
    (group,) = tables.metric_groups({"candidate": one, "popularity": {}})
    assert (group["name"], group["n"]) == ("known/all", 7)
    assert group["rows"] == [("recall@20", [0.5, None])]


def test_the_vocabulary_in_words() -> None:
    facts = dict(tables.vocabulary_facts(np.array([6, 2, 1, 1]), 3))
    assert facts["items that can be recommended"] == "3"
    assert facts["items with a single event"] == "2"
    assert facts["share of the most frequent 1 % of items"] == "60.0%"


def _texts(drawn: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def test_bars_stand_in_order_with_values_and_say_so_to_those_who_do_not_see() -> None:
    verdict = {
        "headlines": {
            "popularity": {"honest/all/recall@20": _figure(0.1)},
            "stan": {"honest/all/recall@20": _figure(0.3)},
            "candidate": {"honest/all/recall@20": _figure(0.2)},
            "last_blessed": {"honest/all/recall@20": _figure(None)},
        }
    }
    (drawn,) = metric_charts(verdict)
    texts = _texts(drawn)
    names = [text for text in texts if text in ("this model", "stan", "popularity")]
    assert names == ["this model", "stan", "popularity"]
    assert {"0.200", "0.300", "0.100"} <= set(texts)
    label = ElementTree.fromstring(drawn).attrib["aria-label"]
    assert "this model 0.200 (0.100 to 0.300); stan 0.300" in label


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


CURVES = {
    "choose": {"mean_loss": [3.0, 2.0, 1.5], "recall@20": [0.1, 0.3, 0.2]},
    "refit": {"mean_loss": [2.9, 1.9]},
}


def test_training_curves_have_a_panel_per_figure_and_a_line_per_fit() -> None:
    panels = curves.panels(CURVES)
    assert [panel.title for panel in panels] == ["mean loss", "recall@20 on eval"]
    assert [line.label for line in panels[0].lines] == ["choose", "refit"]
    assert panels[0].lines[1].x == [1, 2]
    assert curves.panels({}) == []


def test_the_file_of_curves_stands_alone() -> None:
    text = svg.standalone(charts.curves("curves", curves.panels(CURVES)))
    root = ElementTree.fromstring(text.encode())
    assert root.tag == f"{SVG}svg"
    style = next(root.iter(f"{SVG}style"), None)
    declared = "".join(element.text or "" for element in root.iter(f"{SVG}style"))
    assert style is not None
    assert set(re.findall(r"var\((--[a-z-]+)\)", text)) <= set(re.findall(r"--[a-z-]+", declared))
    assert "mean loss" in _texts(text.partition("?>\n")[2])


def test_a_description_cannot_leave_its_attribute() -> None:
    drawn = charts.bars("b", "m", [charts.Bar('"><script>', 0.5, None, "baseline")])
    assert "<script>" not in drawn
    assert '"><script>' in ElementTree.fromstring(drawn).attrib["aria-label"]


def test_a_page_without_any_part_names_every_gap() -> None:
    text = page.render({"name": "shop", "made": "today"}, {"verdict": "it is <gone>"})
    assert "No verdict: it is &lt;gone&gt;." in text
    for anchor, title in page.SECTIONS:
        assert f'id="{anchor}"' in text
        assert title in text


def test_parts_of_an_odd_form_leave_a_page_that_says_so() -> None:
    parts = {"name": "shop", "verdict": {"rows": 3, "blessed": True}}
    with pytest.raises(TypeError):
        page.render(parts, {})
    text = page.render_safely(parts, {"card": "gone"})
    assert "No verdict: the page could not be made: TypeError" in text
    assert "No model card: gone." in text and "<h1>shop</h1>" in text


def test_what_comes_from_data_is_escaped() -> None:
    evil = "<img src=x>"
    parts = {
        "name": evil,
        "config": {evil: [(evil, evil)]},
        "counts": {"splits": [evil], "rows": [(evil, [1])]},
        "fingerprints": [(evil, evil)],
    }
    text = page.render(parts, {})
    assert "<img" not in text and text.count("&lt;img") >= 7


def test_a_part_that_fails_is_named_and_the_others_are_made() -> None:
    run = RunParts({}, {"name": "shop", "model": {"units": 8}, "features": {"odd": 1}}, "digest")
    run.gather()
    assert run.parts["config"]["model"] == [("units", "8")]
    assert run.parts["fingerprints"] == [("code", "digest")]
    assert run.missing["verdict"] == "the run has no such artifact"
    run._add("odd", lambda: 1 / 0)
    assert run.missing["odd"] == "it could not be made: ZeroDivisionError: division by zero"


def test_a_target_that_cannot_be_recommended_is_shown_without_a_rank(tmp_path: Path) -> None:
    table = rank_table.RankTable(
        session_ids=np.array([b"a", b"b"], object),
        offsets=np.array([0, 2, 3]),
        known=np.ones(3, bool),
        context_length=np.ones(3, np.int64),
        target_count=np.ones(3, np.int64),
        item_age=np.zeros(3, np.int64),
        ranks={rank_table.CANDIDATE: np.array([4, UNRANKED, 2])},
    )
    rank_table.write_table(table, str(tmp_path / rank_table.FILE_NAME))
    assert sources._last_ranks(SimpleNamespace(uri=str(tmp_path))) == {b"b": 2}
