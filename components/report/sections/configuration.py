"""The configuration of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.report.run_parts import RunParts, Section


def add_parts(run: RunParts) -> None:
    """Adds the options by section."""
    run.add("config", flat_options, run.config or None)


def flat_options(config: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Returns the configuration by section, values as text; what has no section comes first.

    >>> flat_options({"model": {"units": 8}, "name": "sample"})
    {'run': [('name', 'sample')], 'model': [('units', '8')]}
    """
    sections: dict[str, list[tuple[str, str]]] = {"run": []}
    for name, value in config.items():
        if isinstance(value, Mapping):
            sections[name] = [(option, _text(part)) for option, part in value.items()]
        else:
            sections["run"].append((name, _text(value)))
    return sections


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_text(part)}" for name, part in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(part) for part in value) or "none"
    if value is None:
        return "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


SECTION = Section(
    "configuration",
    "Configuration",
    add_parts,
    """\
{% block body %}
{% if parts.config %}
<div class="options">
{% for section, rows in parts.config.items() %}
<table><caption>{{ section }}</caption><tbody>
{% for name, value in rows %}
<tr><th scope="row">{{ name|breakable }}</th><td class="left">{{ value|breakable }}</td></tr>
{% endfor %}
</tbody></table>
{% endfor %}
</div>
{% else %}{{ missing_part("config", "configuration") }}{% endif %}
{% endblock %}
""",
)
