"""What the data gate checked."""

from __future__ import annotations

from components.report.run_parts import Section, json_part
from modules.gate.report_files import DATA_REPORT

SECTION = Section(
    "anomalies",
    "Data checks",
    json_part("data_checks", "data_report", DATA_REPORT),
    """\
{% block body %}
{% set found = parts.data_checks %}
{% if found %}
{% set anomalies = found.checks|selectattr("name", "equalto", "stop_severities")|list|length %}
<p>{{ anomalies|count }} {{ "anomaly" if anomalies == 1 else "anomalies" }} in the data;
{{ "compared with the last accepted data" if found.compared_with
   else "no earlier data to compare with" }}.</p>
{% call scroll("Checks of the data gate") %}
{{ head(["split", "feature", "verdict", "finding"], left=["feature", "verdict", "finding"]) }}
<tbody>
{% for check in found.checks %}
<tr><td>{{ check.split }}</td><td class="left">{{ check.feature }}</td>
<td class="left">{{ state(check.verdict) }}</td><td class="left wide">{{ check.reason }}</td></tr>
{% endfor %}
</tbody>
{% endcall %}
{% else %}{{ missing_part("data_checks", "checks of the data") }}{% endif %}
{% endblock %}
""",
)
