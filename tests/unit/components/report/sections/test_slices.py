"""Tables of metrics by slice."""

from __future__ import annotations

import doctest
from typing import Any

from components.report import page
from components.report.sections import slices


def _estimate(value: float | None) -> dict[str, Any]:
    return {"value": value, "interval": None if value is None else [value - 0.1, value + 0.1]}


SLICES = {
    "context_length=0..1": {
        "n": 5,
        "honest/all/recall@20": {"candidate": _estimate(0.4), "popularity": _estimate(0.2)},
    },
    "context_length=2..": {
        "n": 4,
        "honest/all/recall@20": {"candidate": _estimate(0.6), "popularity": _estimate(0.8)},
    },
    "item_age=new": {
        "n": 0,
        "honest/all/recall@20": {"candidate": _estimate(None), "popularity": _estimate(0.0)},
    },
}


def test_examples_in_docstrings() -> None:
    result = doctest.testmod(slices)
    assert result.attempted and not result.failed


def test_heat_tables_mark_the_best_of_a_row_and_name_slices_in_words() -> None:
    (table,) = slices.heat_tables(SLICES)
    assert (table.metric, table.columns) == ("honest/all/recall@20", ["candidate", "popularity"])
    seen, age = table.groups.values()
    assert list(table.groups) == ["items seen so far", "age of the next item, days"]
    assert [row.name for row in [*seen, *age]] == ["0 to 1", "2 or more", "new to the model"]
    heats = [[round(cell.heat, 2) for cell in row.cells] for row in seen]
    assert heats == [[0.5, 0.25], [0.75, 1.0]]
    assert [[cell.best for cell in row.cells] for row in seen] == [[True, False], [False, True]]
    # Nothing was found by anyone: nobody is best.
    assert age[0].cells == [(None, 0.0, False), (0.0, 0.0, False)]


def test_metrics_beyond_accuracy_by_slice_have_a_scale_per_column() -> None:
    parts = {
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
    whole = {"prefixes": 4, "target_popularity": {"value": 9.0}, **parts["session_length=2"]}
    table = slices.beyond_table({**whole, "slices": parts})
    assert table and table.columns == ["novelty@20", "repeats@20"]
    by_length, by_age = table.groups.values()
    assert by_length[0] == ("events in the session", "2", 3, [(8.0, 1, False), (None, 0, False)])
    assert by_age[0][1:] == ("new to the model", 1, [(2.0, 0.25, False), (0.5, 1, False)])
    assert slices.beyond_table({"prefixes": 0, "slices": {}}) is None
    text = page.render({"name": "shop", "heat_tables": [table], "beyond_table": table}, {})
    assert '<th scope="col">prefixes</th>' in text and "new to the model" in text
