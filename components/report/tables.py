"""Turns what the nodes wrote into the rows that the page shows; plain Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from components.report.session_facts import SplitFacts
from modules.array_types import IntArray
from modules.evaluation.metric_names import NEW_ITEM
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.gate.checks import SLICE_CHANGE
from modules.sessions.event_times import utc_text
from modules.sessions.time_splits import SPLITS

SLICED_METRICS = ("honest/all/recall@20", "honest/all/mrr@20")
SHOWN_METRICS = (
    "honest/all/recall@20",
    "honest/all/mrr@20",
    "known/all/recall@20",
    "known/all/mrr@20",
)
_FEATURES = {
    "context_length": "items seen so far",
    "target_count": "training events of the next item",
    "item_age": "age of the next item, days",
    "session_length": "events in the session",
}


def label(column: str) -> str:
    """Names a column of the verdict for people.

    >>> label("candidate"), label("v_sknn")
    ('this model', 'v sknn')
    """
    return "this model" if column == CANDIDATE else column.replace("_", " ")


def colour(column: str) -> str:
    """Returns the key of a column's colour."""
    known = {CANDIDATE: "candidate", LAST_BLESSED: "last-blessed"}
    return known.get(column, "baseline")


def rank_of(name: str) -> int:
    """Orders columns by their colour: this model, the last blessed one, then the baselines."""
    return ("candidate", "last-blessed", "baseline").index(name)


def is_quiet(row: Mapping[str, Any]) -> bool:
    """Tells which checks of the gate nobody needs to see: slices that did not get worse."""
    return bool(row["kind"] == SLICE_CHANGE and row["passed"])


class Cell(NamedTuple):
    """A number of a heat table; `heat` is from 0 to 1, `best` whether it is the row's best."""

    value: float | None
    heat: float
    best: bool


class HeatRow(NamedTuple):
    """A slice: the feature that it cuts, the range in words, steps, and a cell per column."""

    feature: str
    name: str
    n: int
    cells: list[Cell]


class HeatTable(NamedTuple):
    """One metric by slice and column; rows by the feature that cuts their slices.

    `counted` names what `n` of the rows counts.
    """

    metric: str
    counted: str
    columns: list[str]
    groups: dict[str, list[HeatRow]]


def heat_tables(slices: Mapping[str, Any]) -> list[HeatTable]:
    """Returns a table per sliced metric; empty ones are left out."""
    tables = []
    for metric in SLICED_METRICS:
        found = {name: part for name, part in slices.items() if metric in part}
        columns = list(dict.fromkeys(name for part in found.values() for name in part[metric]))
        values = [
            figure["value"]
            for part in found.values()
            for figure in part[metric].values()
            if figure["value"] is not None
        ]
        most = max([*values, 0.0]) or 1.0
        groups: dict[str, list[HeatRow]] = {}
        for name, part in found.items():
            row = _heat_row(name, part, metric, columns, most)
            groups.setdefault(row.feature, []).append(row)
        if groups:
            tables.append(HeatTable(metric, "steps", columns, groups))
    return tables


def beyond_accuracy_table(beyond: Mapping[str, Any]) -> HeatTable | None:
    """Returns the figures beyond accuracy by slice, a column each; None where there is no slice.

    Columns have scales of their own, so heat is the share of a column's highest figure; more is not
    better, so no figure is the best.
    """
    slices = beyond.get("slices", {})
    columns = [name for name in beyond if "@" in name]
    highest = {
        name: max([part[name]["value"] or 0.0 for part in slices.values()], default=0.0) or 1.0
        for name in columns
    }
    groups: dict[str, list[HeatRow]] = {}
    for name, part in slices.items():
        values = [part[column]["value"] for column in columns]
        cells = [
            Cell(value, (value or 0.0) / highest[column], False)
            for column, value in zip(columns, values, strict=True)
        ]
        feature, words = _in_words(name)
        groups.setdefault(feature, []).append(HeatRow(feature, words, part["prefixes"], cells))
    return HeatTable("Beyond accuracy", "prefixes", columns, groups) if groups else None


def _heat_row(
    name: str, part: Mapping[str, Any], metric: str, columns: Sequence[str], most: float
) -> HeatRow:
    values = [part[metric].get(column, {}).get("value") for column in columns]
    best = max([value for value in values if value], default=None)
    cells = [
        Cell(value, (value or 0.0) / most, value is not None and value == best) for value in values
    ]
    return HeatRow(*_in_words(name), part["n"], cells)


def _in_words(name: str) -> tuple[str, str]:
    """Returns what cuts a slice and which part it is."""
    feature, _, bounds = name.partition("=")
    words = "new to the model" if name == NEW_ITEM else _range(bounds)
    return _FEATURES.get(feature, feature), words


def _range(bounds: str) -> str:
    """Writes a slice's range as people do.

    >>> _range("3..5"), _range("51.."), _range("0")
    ('3 to 5', '51 or more', '0')
    """
    low, dots, high = bounds.partition("..")
    if not dots:
        return low
    return f"{low} to {high}" if high else f"{low} or more"


def metric_groups(metrics: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns all metrics of all columns, a group for each view and choice of steps."""
    names = [name for name in metrics.get(CANDIDATE, {}) if name.count("/") == 2]
    groups: dict[str, list[str]] = {}
    for name in names:
        if not name.endswith("/n"):
            groups.setdefault(name.rpartition("/")[0], []).append(name)
    columns = list(metrics)
    return [
        {
            "name": group,
            "n": metrics[CANDIDATE].get(f"{group}/n"),
            "columns": columns,
            "rows": [
                (name.rpartition("/")[2], [metrics[column].get(name) for column in columns])
                for name in members
            ],
        }
        for group, members in groups.items()
    ]


def data_counts(counts: Mapping[str, int]) -> dict[str, Any]:
    """Returns the counts of SessionExampleGen as a table, a column per split.

    >>> data_counts({"train.rows_read": 9, "test.rows_read": 4, "test.items": 3})["rows"]
    [('rows read', [9, 4]), ('items', [None, 3])]
    """
    by_split: dict[str, dict[str, int]] = {}
    for name, value in counts.items():
        split, _, count = name.partition(".")
        by_split.setdefault(split, {})[count] = value
    splits = [split for split in SPLITS if split in by_split]
    names = dict.fromkeys(name for split in splits for name in sorted(by_split[split], key=_order))
    rows = [
        (
            name.replace("_", " ").replace(".", ": "),
            [_cell(name, by_split[split].get(name)) for split in splits],
        )
        for name in sorted(names, key=_order)
    ]
    return {"splits": splits, "rows": rows}


def _cell(name: str, count: int | None) -> int | str | None:
    """Writes times of sessions as people read them.

    >>> _cell("first_start", 1442004589439), _cell("sessions", 5)
    ('2015-09-11 20:49:49.439 UTC', 5)
    >>> _cell("first_start", 0), _cell("first_start", None)
    ('1970-01-01 00:00:00.000 UTC', None)
    """
    if count is None or name not in ("first_start", "last_start"):
        return count
    return utc_text(count)


def _order(name: str) -> tuple[int, str]:
    heads = ("rows_read", "rows_rejected", "rows_", "sessions_", "rows_kept", "sessions", "items")
    exact = {"files": -1, "rows_read": 0, "rows_kept": 4, "sessions": 5, "items": 6}
    if name in exact:
        return exact[name], name
    return next((place for place, head in enumerate(heads) if name.startswith(head)), 9), name


def vocabulary_facts(counts: IntArray, catalogue_size: int) -> list[tuple[str, str]]:
    """Returns what the vocabulary is like, as (name, value).

    Args:
      counts: training events of each item, descending, int64 `[items]`.
      catalogue_size: the first so many can be recommended.
    """
    total = max(int(counts.sum()), 1)
    first = max(len(counts) // 100, 1)
    return [
        ("items in the training data", f"{len(counts):,}"),
        ("items that can be recommended", f"{catalogue_size:,}"),
        ("training events", f"{int(counts.sum()):,}"),
        ("items with a single event", f"{int((counts == 1).sum()):,}"),
        ("events of the most frequent item", f"{int(counts.max(initial=0)):,}"),
        ("events of the median item", f"{int(np.median(counts)) if len(counts) else 0:,}"),
        ("share of the most frequent 1 % of items", f"{counts[:first].sum() / total:.1%}"),
    ]


def unknown_rates(facts: Mapping[str, SplitFacts]) -> list[tuple[str, list[str]]]:
    """Returns a row per split: what was read, and how much of it the vocabulary does not hold."""
    return [
        (
            split,
            [
                f"{found.sessions:,}",
                f"{found.events:,}",
                f"{found.items:,}",
                _share(found.unknown_items, found.items),
                _share(found.unknown_events, found.events),
                _share(found.uncatalogued_events, found.events),
            ],
        )
        for split, found in facts.items()
    ]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def flat_options(config: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Returns the configuration by section, values as text; what has no section comes first.

    >>> flat_options({"model": {"units": 8}, "name": "sample"})
    {'run': [('name', 'sample')], 'model': [('units', '8')]}
    """
    sections: dict[str, list[tuple[str, str]]] = {"run": []}
    for name, value in config.items():
        if isinstance(value, Mapping):
            sections[name] = list(_texts(value))
        else:
            sections["run"].append((name, _text(value)))
    return sections


def _texts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(part)}" for name, part in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(part) for part in value) or "none"
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)
