"""Renders the page, section by section."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Mapping
from typing import Any

import jinja2
import markupsafe
from absl import logging

from components.report.columns import label
from components.report.run_parts import RunParts, Section
from components.report.sections import (
    card,
    configuration,
    data,
    data_checks,
    examples,
    lineage,
    metrics,
    serving_checks,
    slices,
    training,
    verdict,
    vocabulary,
)
from components.report.templates import FOLDER, frame_parts
from modules.gate.verdict_table import number
from modules.messages.quoting import first_line

SECTIONS = (
    verdict.SECTION,
    metrics.SECTION,
    slices.SECTION,
    examples.SECTION,
    training.SECTION,
    data.SECTION,
    vocabulary.SECTION,
    data_checks.SECTION,
    serving_checks.SECTION,
    card.SECTION,
    configuration.SECTION,
    lineage.SECTION,
)
"""In the page's order."""

_HEAD = """\
{% extends "section.html" %}
{% from "macros.html"
  import figures, head, missing_part, pairs, scroll, state, table, tile with context %}
"""
_TABLES = """\
{% block body %}
{% for name in section.tables %}
{% if parts[name] %}{{ table(parts[name]) }}
{% else %}{{ missing_part(name, name|replace("_", " ")) }}{% endif %}
{% endfor %}
{% endblock %}
"""


def gather(run: RunParts) -> None:
    """Makes the parts of all sections."""
    now = datetime.datetime.now(datetime.timezone.utc)
    run.parts["made"] = now.strftime("%Y-%m-%d %H:%M UTC")
    for section in SECTIONS:
        run.add(f"section {section.name}", section.add_parts, run)


def render(parts: Mapping[str, Any], missing: Mapping[str, str]) -> str:
    """Returns the page as HTML; a section that cannot show its parts says so.

    Args:
      parts: values by name; the templates show what each is. Values from the data are escaped,
        except in charts and the model card.
      missing: the reason why a part is missing, by its name.
    """
    environment = _environment()
    return environment.get_template("page.html").render(
        parts=parts,
        sections=SECTIONS,
        bodies=[_render_section(environment, section, parts, missing) for section in SECTIONS],
        **frame_parts(),
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,
    )
    environment.filters |= {
        "number": number,
        "label": label,
        "raw_id": raw_id,
        "breakable": breakable,
        "share": lambda value: "-" if value is None else f"{value:.4f}",
        "count": lambda value: "-" if value is None else f"{value:,}",
    }
    return environment


def _render_section(
    environment: jinja2.Environment,
    section: Section,
    parts: Mapping[str, Any],
    missing: Mapping[str, str],
) -> markupsafe.Markup:
    template = environment.from_string(_HEAD + (section.markup or _TABLES))
    try:
        text = template.render(section=section, parts=parts, missing=missing)
    except Exception as error:  # A page must not fail a run that was evaluated.
        logging.exception("The report's section %s", section.name)
        reason = f"the section could not be made: {first_line(error)}"
        reasons = collections.defaultdict(lambda: reason, missing)
        text = template.render(section=section, parts={}, missing=reasons)
    return markupsafe.Markup(text)


def raw_id(item_id: bytes) -> str:
    """Returns an item id as text; invalid UTF-8 becomes replacement characters."""
    return item_id.decode("utf-8", "replace")


def breakable(text: str) -> markupsafe.Markup:
    """Allows line breaks in long names and paths after `_` and `/`.

    >>> print(breakable("a_b/<c>"))
    a_<wbr>b/<wbr>&lt;c&gt;
    """
    found = str(markupsafe.escape(text))
    for mark in ("_", "/"):
        found = found.replace(mark, f"{mark}<wbr>")
    return markupsafe.Markup(found)
