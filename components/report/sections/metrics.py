"""The model's metrics beside those of the last blessed model and of the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.report import charts
from components.report.columns import colour, label, rank_of
from components.report.run_parts import RunParts, Section
from modules.evaluation.metric_names import headline_names
from modules.evaluation.rank_table import CANDIDATE


def add_parts(run: RunParts) -> None:
    """Adds the charts of the headline metrics and the tables of all metrics."""
    run.add("metric_charts", metric_charts, run.verdict)
    run.add("metric_groups", lambda verdict: metric_groups(verdict["metrics"]), run.verdict)


def metric_charts(verdict: Mapping[str, Any]) -> list[str]:
    """Draws a chart per metric that is shown: this model, the last blessed one, the baselines."""
    drawn = []
    for place, metric in enumerate(headline_names(steps=["all"])):
        rows = [
            charts.Bar(label(column), found["value"], found["interval"], colour(column))
            for column, values in verdict["headlines"].items()
            if (found := values.get(metric)) and found["value"] is not None
        ]
        if rows:
            rows.sort(key=lambda bar: (rank_of(bar.colour), -bar.value))
            drawn.append(charts.bars(f"metric{place}", metric, rows))
    return drawn


def metric_groups(metrics: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns all metrics of all columns, a group for each view and choice of steps."""
    groups: dict[str, list[str]] = {}
    for name in metrics.get(CANDIDATE, {}):
        if name.count("/") == 2 and not name.endswith("/n"):
            groups.setdefault(name.rpartition("/")[0], []).append(name)
    return [
        {
            "name": group,
            "n": metrics[CANDIDATE].get(f"{group}/n"),
            "columns": list(metrics),
            "rows": [
                (name.rpartition("/")[2], [values.get(name) for values in metrics.values()])
                for name in members
            ],
        }
        for group, members in groups.items()
    ]


SECTION = Section(
    "metrics",
    "Metrics",
    add_parts,
    """\
{% block body %}
{% set verdict = parts.verdict %}
{% if parts.metric_charts %}
<p class="note">Higher is better. Thin lines:
{{ "%.0f"|format(100 * verdict.options.confidence) }} % intervals, bootstrap over sessions.
<em>honest</em> counts a step towards an item that training did not hold, as a miss unless the
session has it already; <em>known</em> leaves it out.</p>
{{ figures(parts.metric_charts) }}
{% else %}{{ missing_part("metric_charts", "charts of metrics") }}{% endif %}
{% set beyond = verdict.beyond_accuracy %}
{% if beyond.prefixes %}
<h3>Beyond accuracy</h3>
<p class="note">Of the first 20 recommended items for {{ beyond.prefixes|count }} prefixes.</p>
<dl class="tiles">
{% for name, estimate in beyond.items() if "@" in name %}
{{ tile(name|replace("_", " "), estimate) }}
{% endfor %}
</dl>
{% endif %}
{% for group in parts.metric_groups %}
{% set title = "All metrics, " ~ group.name %}
<details><summary>{{ title }} ({{ group.n|count }} steps)</summary>
{% call scroll(title, caption=false) %}
{{ head(["metric"] + group.columns|map("label")|list) }}
<tbody>
{% for name, values in group.rows %}
<tr><th scope="row">{{ name }}</th>
{%- for value in values %}<td>{{ value|share }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
{% endcall %}
</details>
{% endfor %}
{% endblock %}
""",
)
