"""The model card: intended use, training data, metrics and limits of a model.

Sections follow Mitchell et al. (2019), "Model cards for model reporting".
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from modules.evaluation.metric_names import HEADLINE_METRICS, headline_names
from modules.evaluation.rank_table import CANDIDATE, LAST_BLESSED
from modules.evaluation.slice_names import NEW_ITEM
from modules.gate.verdict_table import number

FILE_NAME = "model_card.md"

_INTENDED_USE = """\
Retrieval for anonymous sessions: given the items of a session so far, the items that are likely to
follow, as candidates for a list on a page or for a ranker behind it. It knows the order of clicks
and nothing of persons, prices, stock or content.

Not for: decisions about persons; items that the training data do not hold; ranking where a wrong
item does harm; data of another shop without training on them."""


def model_card(verdict: Mapping[str, Any]) -> str:
    """Returns the card as Markdown.

    Args:
      verdict: content of `verdict.json`.
    """
    parts = [
        "# Model card",
        _model(verdict),
        "## Intended use",
        _INTENDED_USE,
        "## Data",
        _data(verdict),
        "## Metrics",
        _metrics(verdict),
        "## Limits",
        _limits(verdict),
    ]
    return "\n\n".join(parts) + "\n"


def _model(verdict: Mapping[str, Any]) -> str:
    candidate, blessed = verdict["candidate"], "blessed" if verdict["blessed"] else "not blessed"
    reasons = [f"* {reason}" for reason in verdict["reasons"]]
    head = f"A two-tower model of sessions and items, id {candidate['id']}: **{blessed}**."
    return "\n".join([head, "", *reasons])


def _data(verdict: Mapping[str, Any]) -> str:
    data, judged = verdict["training_data"], verdict["judged"]
    new_steps = verdict["slices"].get(NEW_ITEM, {"n": 0})["n"]
    share = f" ({new_steps / judged['steps']:.0%})" if judged["steps"] else ""
    return "\n".join(
        [
            f"* Learned from {data['events']:,} events of {data['items']:,} items "
            f"({_day(data['first_event'])} to {_day(data['last_event'])}; split "
            f"{', '.join(data['splits'])}).",
            f"* Evaluated on {judged['steps']:,} steps of {judged['sessions']:,} sessions (split "
            f"{verdict['split']}), {new_steps:,} of them{share} towards items that training did "
            "not hold.",
        ]
    )


def _day(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "-"
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return moment.date().isoformat()


def _table(rows: Iterable[Iterable[str]]) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], "|" + "---|" * (lines[0].count("|") - 1), *lines[1:]]


def _metrics(verdict: Mapping[str, Any]) -> str:
    headlines = verdict["headlines"]
    names = [CANDIDATE, *(name for name in headlines if name != CANDIDATE)]
    rows = [["metric", *("this model" if name == CANDIDATE else name for name in names)]]
    for metric in headlines[CANDIDATE]:
        estimates = [headlines[name][metric] for name in names]
        cells = [number(estimate["value"]) for estimate in estimates]
        if estimates[0]["interval"]:
            low, high = estimates[0]["interval"]
            cells[0] += f" [{low:.4f}, {high:.4f}]"
        rows.append([metric, *cells])
    confidence = verdict["options"]["confidence"]
    return "\n".join([*_table(rows), "", f"Intervals: {confidence:.0%}, bootstrap over sessions."])


def _limits(verdict: Mapping[str, Any]) -> str:
    beyond = verdict["beyond_accuracy"]
    shown = [f"{name} {number(beyond[name]['value'])}" for name in beyond if "@" in name]
    rows = [["slice", "steps", *HEADLINE_METRICS]]
    for name, part in verdict["slices"].items():
        values = [part[name][CANDIDATE]["value"] for name in headline_names(["honest"], ["all"])]
        rows.append([name, f"{part['n']:,}", *map(number, values)])
    lines = [
        "* Items that the training data do not hold are never recommended; a session of only such "
        "items is answered with the most popular ones.",
        f"* Over {beyond['prefixes']:,} prefixes: {', '.join(shown)}. A popularity ratio above 1 "
        "means that popular items are recommended more than they are followed.",
        "* Clicks are shaped by what the shop showed; the model learns that too.",
    ]
    last = verdict["last_blessed"]
    if "message" in last:
        lines.append(f"* The {LAST_BLESSED.replace('_', ' ')} model {last['message']}.")
    if len(rows) > 1:
        lines += ["", "By slice (honest, all steps):", "", *_table(rows)]
    return "\n".join(lines)
