"""What ServingValidator checked."""

from __future__ import annotations

from components.report.run_parts import Section, json_part
from modules.gate.report_files import SERVING_REPORT

SECTION = Section(
    "serving",
    "Serving",
    json_part("serving_checks", "serving_report", SERVING_REPORT),
    """\
{% block body %}
{% if parts.serving_checks %}
{% call scroll("Checks of the exported model, in a process of its own") %}
{{ head(["check", "verdict", "finding"], left=["verdict", "finding"]) }}
<tbody>
{% for check in parts.serving_checks.checks %}
<tr><th scope="row">{{ check.name }}</th><td class="left">{{ state(check.verdict) }}</td>
<td class="left wide">{{ check.reason }}</td></tr>
{% endfor %}
</tbody>
{% endcall %}
{% else %}{{ missing_part("serving_checks", "checks of the exported model") }}{% endif %}
{% endblock %}
""",
)
