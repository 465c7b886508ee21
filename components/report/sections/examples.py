"""Example sessions, and what the model recommends after them."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfx import types
from tfx.dsl.io import fileio

from components.report.run_parts import RunParts, Section
from components.report.session_facts import SplitFacts
from modules.config.fields import from_json
from modules.config.options.items import ItemOptions
from modules.data.vocabulary import Vocabulary
from modules.evaluation import rank_table
from modules.evaluation.ranks import UNRANKED
from modules.gate.model_ranks import Model
from modules.items.item_names import ItemNames
from modules.items.known_names import names_of

RECOMMENDED = 10


class Answer(NamedTuple):
    """An example session and the model's answer.

    Attributes:
      prefix: the query.
      target: the item that came next.
      is_catalogued: whether the model can recommend the target at all.
      rank: the target's rank; None if the gate did not evaluate the session, or the target cannot
        be recommended.
      recommended: item ids, best first.
    """

    prefix: list[bytes]
    target: bytes
    is_catalogued: bool
    rank: int | None
    recommended: list[bytes]


def add_parts(run: RunParts) -> None:
    """Adds example sessions of the evaluation split with the model's answers."""
    facts, verdict = (run.facts or {}).get(run.parts["split"]), run.inputs.get("verdict")
    make = functools.partial(answered, verdict=verdict)
    answers = run.add("examples", make, run.inputs.get("model"), facts, run.vocabulary)
    if run.inputs.get("items") and answers:
        run.add("names", shown_names, run.inputs["items"], run.config.get("items"), answers)


def answered(
    model: types.Artifact, facts: SplitFacts, words: Vocabulary, verdict: types.Artifact | None
) -> list[Answer]:
    """Returns what the model recommends after the example sessions.

    Args:
      model: the candidate.
      facts: facts of the evaluation split.
      words: the model's vocabulary.
      verdict: output of the gate, with the ranks of all evaluated steps; None without it.

    Raises:
      UnusableModelError: the model cannot be loaded or called.
    """
    if not facts.examples:
        return []
    ranks = last_ranks(verdict) if verdict else {}
    catalogue = set(words.item_ids[: words.catalogue_size].tolist())
    ids, _ = Model(model).recommend([each.prefix for each in facts.examples], RECOMMENDED)
    return [
        Answer(
            example.prefix,
            example.target,
            example.target in catalogue,
            ranks.get(example.session_id),
            [item for item in row.tolist() if item],
        )
        for example, row in zip(facts.examples, ids, strict=True)
    ]


def shown_names(
    items: types.Artifact, options: Mapping[str, Any], answers: Sequence[Answer]
) -> ItemNames:
    """Returns names and categories of the items in answers.

    Args:
      items: output of ItemGen.
      options: `ItemOptions` as plain values.
      answers: what is shown.
    """
    shown = [item for each in answers for item in (*each.prefix, each.target, *each.recommended)]
    return names_of(items.uri, from_json(ItemOptions, options), dict.fromkeys(shown))


def last_ranks(verdict: types.Artifact) -> dict[bytes, int]:
    """Returns the candidate's rank of every session's last step, where it has one."""
    with fileio.open(os.path.join(verdict.uri, rank_table.FILE_NAME), "rb") as file:
        table = rank_table.from_parquet(file.read())
    last = table.ranks[rank_table.CANDIDATE][table.offsets[1:] - 1]
    ranks = zip(table.session_ids.tolist(), last.tolist(), strict=True)
    return {session_id: rank for session_id, rank in ranks if rank != UNRANKED}


SECTION = Section(
    "examples",
    "Examples",
    add_parts,
    """\
{% macro shown(item_id) %}
{%- set text = item_id|raw_id %}
{%- set name = parts.names.name(text) if parts.names else "" %}
{%- set about = [text] if name else [] %}
{%- set about = about + (parts.names.category(text)|list if parts.names else []) %}
{{- name or text }}{% if about %} <span class="note">{{ about|join(" · ") }}</span>{% endif %}
{%- endmacro %}
{# One item of several: in a line of its own where items have names. #}
{% macro item(item_id, is_found=false, after="") %}
{%- if parts.names %}<li>{% endif %}
{%- if is_found %}<b>{{ shown(item_id) }} ✓</b>{% else %}{{ shown(item_id) }}{% endif %}
{%- if parts.names %}</li>{% else %}{{ after }}{% endif %}
{%- endmacro %}
{% block body %}
{% if parts.examples %}
{% set tag = "ol" if parts.names else "span" %}
<p class="note">Sessions of split <code>{{ parts.split }}</code> with 3 to 10 events, chosen by a
hash of their ids, not by their results. Their last event is what the model should find; it is
underlined where it is among the first {{ parts.examples[0].recommended|length }}.</p>
<ol class="sessions">
{% for session in parts.examples %}
<li>
<div class="row"><span>seen</span>
<{{ tag }} class="ids">
{%- for item_id in session.prefix %}
{{- item(item_id, after=" → " if not loop.last else "") }}
{%- endfor %}</{{ tag }}></div>
<div class="row"><span>next</span>
<span class="ids">{{ shown(session.target) }}
{%- if session.rank %} <span class="note">(rank {{ session.rank|count }})</span>
{%- elif not session.is_catalogued %} <span class="note">(not in the catalogue)</span>
{%- endif %}</span></div>
<div class="row"><span>answer</span>
<{{ tag }} class="ids">
{%- for item_id in session.recommended %}
{{- item(item_id, item_id == session.target, ", " if not loop.last else "") }}
{%- endfor %}</{{ tag }}></div>
</li>
{% endfor %}
</ol>
{% if missing.names %}{{ missing_part("names", "names of items") }}{% endif %}
{% else %}{{ missing_part("examples", "example sessions") }}{% endif %}
{% endblock %}
""",
)
