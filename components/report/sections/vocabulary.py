"""What the vocabulary holds, and how much of the data it does not hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from components.report.run_parts import RunParts, Section, Table
from components.report.session_facts import MOST_SESSIONS, SplitFacts
from modules.data.vocabulary import Vocabulary


def add_parts(run: RunParts) -> None:
    """Adds facts about the vocabulary and rates of unknown items."""
    run.add("vocabulary_facts", vocabulary_facts, run.vocabulary)
    run.add("out_of_vocabulary_rates", unknown_rates, run.facts)


def vocabulary_facts(vocabulary: Vocabulary) -> Table:
    """Returns facts about the vocabulary."""
    counts = vocabulary.counts
    total = max(int(counts.sum()), 1)
    first = max(len(counts) // 100, 1)
    rows = [
        ("items in the training data", f"{len(counts):,}"),
        ("items that can be recommended", f"{vocabulary.catalogue_size:,}"),
        ("training events", f"{int(counts.sum()):,}"),
        ("items with a single event", f"{int((counts == 1).sum()):,}"),
        ("events of the most frequent item", f"{int(counts.max(initial=0)):,}"),
        ("events of the median item", f"{int(np.median(counts)) if len(counts) else 0:,}"),
        ("share of the most frequent 1 % of items", f"{counts[:first].sum() / total:.1%}"),
    ]
    return Table("Items of the training data", rows)


def unknown_rates(facts: Mapping[str, SplitFacts]) -> Table:
    """Returns a row per split: what was read, and how much of it the vocabulary does not hold."""
    rows = []
    for split, found in facts.items():
        counts = [f"{count:,}" for count in (found.sessions, found.events, found.items)]
        unknown = _share(found.unknown_items, found.items)
        events = (found.unknown_events, found.uncatalogued_events)
        rows.append([split, *counts, unknown, *(_share(part, found.events) for part in events)])
    unknown_columns = ("unknown items", "unknown events", "events outside the catalogue")
    return Table(
        f"Out of vocabulary, of the first {MOST_SESSIONS:,} sessions of each split",
        rows,
        ("split", "sessions", "events", "items", *unknown_columns),
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


SECTION = Section(
    "vocabulary",
    "Vocabulary",
    add_parts,
    tables=("vocabulary_facts", "out_of_vocabulary_rates"),
)
