"""Ranking metrics and metrics beyond accuracy by slice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from components.report.run_parts import RunParts, Section
from modules.evaluation.metric_names import headline_names
from modules.evaluation.slice_names import NEW_ITEM

_FEATURES = {
    "context_length": "items seen so far",
    "target_count": "training events of the next item",
    "item_age": "age of the next item, days",
    "session_length": "events in the session",
}


def add_parts(run: RunParts) -> None:
    """Adds the tables by slice."""
    run.add("heat_tables", lambda verdict: heat_tables(verdict["slices"]), run.verdict)
    run.add("beyond_table", lambda verdict: beyond_table(verdict["beyond_accuracy"]), run.verdict)


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
    for metric in headline_names(["honest"], ["all"]):
        found = {name: part for name, part in slices.items() if metric in part}
        columns = list(dict.fromkeys(name for part in found.values() for name in part[metric]))
        most = _highest(cell for part in found.values() for cell in part[metric].values())
        groups: dict[str, list[HeatRow]] = {}
        for name, part in found.items():
            row = _heat_row(name, part, metric, columns, most)
            groups.setdefault(row.feature, []).append(row)
        if groups:
            tables.append(HeatTable(metric, "steps", columns, groups))
    return tables


def beyond_table(beyond: Mapping[str, Any]) -> HeatTable | None:
    """Returns the metrics beyond accuracy by slice, a column each; None where there is no slice.

    Columns have scales of their own, so heat is the share of a column's highest value; higher is
    not better, so no value is the best.
    """
    slices = beyond.get("slices", {})
    columns = [name for name in beyond if "@" in name]
    highest = {name: _highest(part[name] for part in slices.values()) for name in columns}
    groups: dict[str, list[HeatRow]] = {}
    for name, part in slices.items():
        cells = [
            Cell(value, (value or 0.0) / highest[column], False)
            for column in columns
            for value in (part[column]["value"],)
        ]
        feature, words = _in_words(name)
        groups.setdefault(feature, []).append(HeatRow(feature, words, part["prefixes"], cells))
    return HeatTable("Beyond accuracy", "prefixes", columns, groups) if groups else None


def _highest(estimates: Iterable[Mapping[str, Any]]) -> float:
    """Returns the highest value, 1 where there is none above 0."""
    return max([estimate["value"] or 0.0 for estimate in estimates], default=0.0) or 1.0


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
    """Returns the feature that cuts a slice, and its range, in words."""
    feature, _, bounds = name.partition("=")
    words = "new to the model" if name == NEW_ITEM else _range(bounds)
    return _FEATURES.get(feature, feature), words


def _range(bounds: str) -> str:
    """Writes a slice's range in words.

    >>> _range("3..5"), _range("51.."), _range("0")
    ('3 to 5', '51 or more', '0')
    """
    low, dots, high = bounds.partition("..")
    if not dots:
        return low
    return f"{low} to {high}" if high else f"{low} or more"


SECTION = Section(
    "slices",
    "Slices",
    add_parts,
    """\
{% macro heat(table) %}
{% call scroll(table.metric ~ " by slice", "heat wide-table", caption=false) %}
<caption>{{ table.metric }}</caption>
{{ head(["slice", table.counted] + table.columns|map("label")|list) }}
{% for feature, rows in table.groups.items() %}
<tbody>
<tr><th colspan="{{ 2 + table.columns|length }}" scope="rowgroup">{{ feature }}</th></tr>
{% for row in rows %}
<tr><th scope="row">{{ row.name }}</th><td>{{ row.n|count }}</td>
{%- for cell in row.cells %}
<td class="cell{{ ' best' if cell.best }}" style="--v: {{ '%.3f'|format(cell.heat) }}">
{{- cell.value|share }}</td>
{%- endfor %}</tr>
{% endfor %}
</tbody>
{% endfor %}
{% endcall %}
{% endmacro %}
{% block body %}
{% if parts.heat_tables %}
<p class="note">The deeper the colour, the higher the value; the best of a row is underlined.</p>
{% for table in parts.heat_tables %}{{ heat(table) }}{% endfor %}
{% if parts.beyond_table %}
<p class="note">Of the recommendations of this model; a column's deepest colour is its highest
value, which is not always the better one. <code>coverage@20</code> grows with the number of
prefixes; compare the one at a fixed number.</p>
{{ heat(parts.beyond_table) }}
{% endif %}
{% else %}{{ missing_part("heat_tables", "slices") }}{% endif %}
{% endblock %}
""",
)
