"""The model card."""

from __future__ import annotations

import re

import markdown
import markupsafe
from tfx.dsl.io import fileio

from components.report.run_parts import RunParts, Section
from modules.gate import model_card

_TITLE = re.compile(r"^\s*# .*\n")


def add_parts(run: RunParts) -> None:
    """Adds the model card as HTML."""
    run.add("card", _read_card, run.path("verdict", model_card.FILE_NAME))


def _read_card(path: str) -> markupsafe.Markup:
    with fileio.open(path, "rb") as file:
        return card_html(file.read().decode("utf-8"))


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


SECTION = Section(
    "card",
    "Model card",
    add_parts,
    """\
{% block body %}
{% if parts.card %}<div class="card">{{ parts.card }}</div>
{% else %}{{ missing_part("card", "model card") }}{% endif %}
{% endblock %}
""",
)
