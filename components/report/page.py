"""Renders the page from its parts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import markdown
import markupsafe
from absl import logging

from components.report import svg, tables
from components.report.session_facts import MOST_SESSIONS
from modules.gate.verdict_table import number

_FOLDER = Path(__file__).resolve().parent
_TITLE = re.compile(r"^\s*# .*\n")
_PAGE, _STYLE = "page.html", "style.css"
# In the page's order: anchor, title.
SECTIONS = (
    ("verdict", "Verdict"),
    ("metrics", "Metrics"),
    ("slices", "Slices"),
    ("examples", "Examples"),
    ("training", "Training"),
    ("data", "Data"),
    ("vocabulary", "Vocabulary"),
    ("anomalies", "Data checks"),
    ("serving", "Serving"),
    ("card", "Model card"),
    ("configuration", "Configuration"),
    ("lineage", "Lineage"),
)


def template_digest() -> str:
    """Returns a SHA-256 of the template and the style, which no digest of Python code sees."""
    digest = hashlib.sha256()
    for name in (_PAGE, _STYLE):
        digest.update((_FOLDER / name).read_bytes())
    return digest.hexdigest()


def render(parts: Mapping[str, Any], missing: Mapping[str, str]) -> str:
    """Returns the page as HTML.

    Args:
      parts: by name; what each is, the template shows. Values from the data are escaped, except
        charts, whose names end in `_chart` or `_charts`.
      missing: why a part is not there, by its name.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,
    )
    environment.filters |= {
        "number": number,
        "label": tables.label,
        "raw_id": raw_id,
        "breakable": breakable,
        "share": lambda value: "-" if value is None else f"{value:.4f}",
        "count": lambda value: "-" if value is None else f"{value:,}",
    }
    environment.tests["quiet"] = tables.is_quiet
    return environment.get_template(_PAGE).render(
        parts=_with_markup(parts),
        missing=missing,
        sections=SECTIONS,
        most_sessions=MOST_SESSIONS,
        style=markupsafe.Markup((_FOLDER / _STYLE).read_text("utf-8")),
        light=markupsafe.Markup(svg.theme(svg.LIGHT)),
        dark=markupsafe.Markup(svg.theme(svg.DARK)),
    )


def render_safely(parts: Mapping[str, Any], missing: Mapping[str, str]) -> str:
    """Returns the page; where a part has an odd form, one that says so, without any part."""
    try:
        return render(parts, missing)
    except Exception as error:  # A run that is judged must not fail for its page.
        logging.exception("The report's parts do not fit the page")
        reason = f"the page could not be made: {type(error).__name__}: {error}"
        kept = {name: parts[name] for name in ("name", "made") if name in parts}
        return render(kept, {**dict.fromkeys(parts, reason), **missing})


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


def card_html(text: str) -> markupsafe.Markup:
    r"""Renders a model card without its title; HTML in it is shown as text.

    >>> print(card_html("# Model card\n\n## Use <b>"))
    <h3>Use &lt;b&gt;</h3>
    """
    escaped = str(markupsafe.escape(text)).replace("&#39;", "'").replace("&#34;", '"')
    found = markdown.markdown(_TITLE.sub("", escaped), extensions=["tables"])
    found = found.replace("<h2>", "<h3>").replace("</h2>", "</h3>")
    scrollable = '<div class="scroll" tabindex="0" role="region" aria-label="table"><table>'
    found = found.replace("<table>", scrollable).replace("</table>", "</table></div>")
    return markupsafe.Markup(found)
