"""Rows, rejected rows, session lengths and item popularity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx import types

from components.report import charts
from components.report.run_parts import RunParts, Section, Table
from components.report.session_facts import SplitFacts
from modules.data.vocabulary import Vocabulary
from modules.ingest.report import read_report
from modules.items import item_report
from modules.items.beam_items import read_item_report
from modules.sessions.event_times import utc_text
from modules.sessions.splits import SPLITS


def add_parts(run: RunParts) -> None:
    """Adds counts of rows, rejected rows, and charts of lengths and popularity."""
    run.add("counts", _counts_and_rejects, run.inputs.get("examples"))
    if run.inputs.get("items"):
        run.add("item_counts", _item_counts, run.inputs["items"])
    run.add("lengths_chart", _lengths_chart, run.facts)
    run.add("popularity_chart", _popularity_chart, run.vocabulary)


def _counts_and_rejects(examples: types.Artifact) -> dict[str, Any]:
    report = read_report(examples.uri)
    return {**data_counts(report.counts), "rejects": report.rejects}


def _item_counts(items: types.Artifact) -> Table:
    report = read_item_report(items.uri)
    head = ("count", "items or rows", "such as")
    return Table("The file of items, and the sessions", item_report.rows(report), head)


def _lengths_chart(facts: Mapping[str, SplitFacts]) -> str:
    found = {split: part.lengths for split, part in facts.items() if part.sessions}
    return charts.session_lengths("lengths", found)


def _popularity_chart(vocabulary: Vocabulary) -> str:
    return charts.popularity("popularity", vocabulary.counts, vocabulary.catalogue_size)


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
    """Writes times of sessions as text.

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
    exact = {"files": -1, "rows_kept": 4}
    place = next((place for place, head in enumerate(heads) if name.startswith(head)), 9)
    return exact.get(name, place), name


SECTION = Section(
    "data",
    "Data",
    add_parts,
    """\
{% block body %}
{% set counts = parts.counts %}
{% if counts %}
<p class="note">A split that was cut from another one has no rows of its own to read.</p>
{% call scroll("Rows and sessions") %}
{{ head(["count"] + counts.splits) }}
<tbody>
{% for name, values in counts.rows %}
<tr><th scope="row">{{ name }}</th>
{%- for value in values %}<td>{{ value if value is string else value|count }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
{% endcall %}
<h3>Rejected rows</h3>
{% if counts.rejects %}
{% call scroll("The first rejected rows of each split") %}
{{ head(["split", "reason", "text", "file", "byte"], left=["reason", "text", "file"]) }}
<tbody>
{% for reject in counts.rejects %}
<tr><td>{{ reject.split }}</td><td class="left">{{ reject.reason|replace("_", " ") }}</td>
<td class="left wide"><code>{{ reject.quoted() }}</code></td>
<td class="left wide">{{ reject.path|breakable }}</td><td>{{ reject.offset|count }}</td></tr>
{% endfor %}
</tbody>
{% endcall %}
{% else %}<p>None.</p>{% endif %}
{% else %}{{ missing_part("counts", "counts of rows") }}{% endif %}
{% if parts.item_counts %}<h3>Items</h3>{{ table(parts.item_counts) }}
{% elif missing.item_counts %}{{ missing_part("item_counts", "counts of items") }}{% endif %}
{% set charts = [parts.lengths_chart, parts.popularity_chart]|select|list %}
{% if charts %}{{ figures(charts) }}{% endif %}
{% if not parts.lengths_chart %}{{ missing_part("lengths_chart", "session lengths") }}{% endif %}
{% if not parts.popularity_chart %}
{{ missing_part("popularity_chart", "item popularity") }}
{% endif %}
{% endblock %}
""",
)
