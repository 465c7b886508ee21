"""The gate's decision and all its checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.report.run_parts import RunParts, Section
from modules.gate.check_record import SKIPPED
from modules.gate.verdict_table import is_quiet, reach_in_words


def add_parts(run: RunParts) -> None:
    """Adds the checks of the gate."""
    run.add("gate_checks", _checks, run.verdict)


def _checks(verdict: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the checks to show; apart those of slices that passed or were skipped; and reach."""
    rows = verdict["rows"]
    quiet = [row for row in rows if is_quiet(row)]
    return {
        "shown": [row for row in rows if not is_quiet(row)],
        "quiet": [row for row in quiet if row["verdict"] != SKIPPED],
        "skipped": [row for row in quiet if row["verdict"] == SKIPPED],
        "reach": reach_in_words(verdict),
    }


SECTION = Section(
    "verdict",
    "Verdict",
    add_parts,
    """\
{% macro checks(rows, caption) %}
{% call scroll(caption) %}
{{ head(
  ["check", "verdict", "finding", "this model", "best baseline", "last blessed", "n"],
  left=["verdict", "finding"]
) }}
<tbody>
{% for row in rows %}
<tr><th scope="row">{{ row.metric }}</th><td class="left">{{ state(row.verdict) }}</td>
<td class="left wide">{{ row.reason }}</td><td>{{ row.candidate|number }}</td>
<td>{{ row.best_baseline.value|number if row.best_baseline else "-" }}</td>
<td>{{ row.last_blessed|number }}</td><td>{{ row.n|count }}</td></tr>
{% endfor %}
</tbody>
{% endcall %}
{% endmacro %}
{% set verdict = parts.verdict %}
{% block classes %}verdict{{ (" yes" if verdict.blessed else " no") if verdict }}{% endblock %}
{% block heading %}
{{ ("✓ Blessed" if verdict.blessed else "✗ Not blessed") if verdict else "No verdict" }}
{%- endblock %}
{% block body %}
{% if verdict %}
{% set last = verdict.last_blessed %}
<p>Model {{ verdict.candidate.id }} was evaluated on {{ verdict.judged.steps|count }} steps of
{{ verdict.judged.sessions|count }} sessions of split <code>{{ verdict.split }}</code>
{%- if last.status == "none" %}; there was no blessed model before it.
{%- elif last.status == "compared" %} and compared with the last blessed model, {{ last.id }}.
{%- elif last.status == "identical" %}; it equals the last blessed model, {{ last.id }}.
{%- elif last.status == "left out" %}; the last blessed model, {{ last.id }}, is left out: it
{{ last.message }}.
{%- else %}; the last blessed model, {{ last.id }}, could not be used: {{ last.message }}.
{%- endif %}</p>
{% for line in parts.gate_checks.reach %}<p>{{ line }}.</p>{% endfor %}
<dl class="tiles">
{% for name, estimate in verdict.headlines.candidate.items() if "/all/" in name %}
{{ tile(name, estimate) }}
{% endfor %}
</dl>
{% if not verdict.blessed %}
<h3>Why not</h3>
<ul class="reasons">{% for reason in verdict.reasons %}<li>{{ reason }}</li>{% endfor %}</ul>
{% endif %}
{{ checks(parts.gate_checks.shown, "Checks of the gate") }}
{% set quiet, skipped = parts.gate_checks.quiet, parts.gate_checks.skipped %}
{% if quiet %}
<details>
<summary>{{ quiet|length }} slices are no worse than in the last blessed model</summary>
{{ checks(quiet, "Checks of slices that passed") }}</details>
{% endif %}
{% if skipped %}
<details>
<summary>{{ skipped|length }} slices are not compared: no target there can be recommended by both
models</summary>
{{ checks(skipped, "Checks of slices that were skipped") }}</details>
{% endif %}
{% else %}{{ missing_part("verdict", "verdict") }}{% endif %}
{% endblock %}
""",
)
