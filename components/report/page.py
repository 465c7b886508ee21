"""Renders the page, section by section."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Mapping
from typing import Any

import jinja2
import markupsafe
from absl import logging

from components.report import svg
from components.report.columns import label
from components.report.run_parts import RunParts, Section, first_line
from components.report.sections import (
    anomalies,
    card,
    configuration,
    data,
    examples,
    lineage,
    metrics,
    serving,
    slices,
    training,
    verdict,
    vocabulary,
)
from components.report.session_facts import MOST_SESSIONS
from components.report.templates import FOLDER
from modules.gate.verdict_table import number

SECTIONS: tuple[Section, ...] = (
    verdict.SECTION,
    metrics.SECTION,
    slices.SECTION,
    examples.SECTION,
    training.SECTION,
    data.SECTION,
    vocabulary.SECTION,
    anomalies.SECTION,
    serving.SECTION,
    card.SECTION,
    configuration.SECTION,
    lineage.SECTION,
)
"""In the page's order."""


def gather(run: RunParts) -> None:
    """Makes the parts of all sections."""
    now = datetime.datetime.now(datetime.timezone.utc)
    run.parts["made"] = now.strftime("%Y-%m-%d %H:%M UTC")
    for section in SECTIONS:
        run.add(f"section {section.name}", section.add_parts, run)


def render(parts: Mapping[str, Any], missing: Mapping[str, str]) -> str:
    """Returns the page as HTML; a section whose parts have an odd form says so.

    Args:
      parts: values by name; the templates show what each is. Values from the data are escaped,
        except charts, whose names end in `_chart` or `_charts`.
      missing: why a part is not there, by its name.
    """
    environment, marked = _environment(), _with_markup(parts)
    return environment.get_template("page.html").render(
        parts=marked,
        sections=SECTIONS,
        bodies=[_render_section(environment, section, marked, missing) for section in SECTIONS],
        style=markupsafe.Markup((FOLDER / "style.css").read_text("utf-8")),
        light=markupsafe.Markup(svg.theme(svg.LIGHT)),
        dark=markupsafe.Markup(svg.theme(svg.DARK)),
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,
    )
    environment.globals["most_sessions"] = MOST_SESSIONS
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
    template = environment.get_template(f"sections/{section.name}.html")
    try:
        text = template.render(section=section, parts=parts, missing=missing)
    except Exception as error:  # A run that was evaluated must not fail for its page.
        logging.exception("The report's section %s", section.name)
        reason = f"the section could not be made: {first_line(error)}"
        reasons = collections.defaultdict(lambda: reason, missing)
        text = template.render(section=section, parts={}, missing=reasons)
    return markupsafe.Markup(text)


def _with_markup(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Marks the charts, which are made here and hold no text of others, as safe HTML."""
    marked = dict(parts)
    for name, value in parts.items():
        if name.endswith("_chart"):
            marked[name] = markupsafe.Markup(value)
        elif name.endswith("_charts"):
            marked[name] = [markupsafe.Markup(chart) for chart in value]
    return marked


def raw_id(item_id: bytes) -> str:
    """Returns an item id as text; bytes that are none become a replacement character."""
    return item_id.decode("utf-8", "replace")


def breakable(text: str) -> markupsafe.Markup:
    """Lets long names and paths break where people would break them.

    >>> print(breakable("a_b/<c>"))
    a_<wbr>b/<wbr>&lt;c&gt;
    """
    found = str(markupsafe.escape(text))
    for mark in ("_", "/"):
        found = found.replace(mark, f"{mark}<wbr>")
    return markupsafe.Markup(found)
