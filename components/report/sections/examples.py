"""Example sessions, and what the model recommends after them."""

from __future__ import annotations

import os
from typing import NamedTuple

from tfx import types
from tfx.dsl.io import fileio

from components.report.run_parts import RunParts, Section
from components.report.session_facts import SplitFacts
from modules.data.vocabulary import Vocabulary
from modules.evaluation import rank_table
from modules.evaluation.ranks import UNRANKED
from modules.gate.model_ranks import Model

RECOMMENDED = 10


class Recommended(NamedTuple):
    """A recommended item, and whether it is what came next."""

    item: bytes
    is_next: bool


class Answer(NamedTuple):
    """An example session and the model's answer.

    Attributes:
      prefix: the query.
      target: what came next.
      is_catalogued: whether the model can recommend that at all.
      rank: of the target; None if the gate did not evaluate the session, or the target cannot be
        recommended.
      recommended: the answer.
    """

    prefix: list[bytes]
    target: bytes
    is_catalogued: bool
    rank: int | None
    recommended: list[Recommended]


def _add_parts(run: RunParts) -> None:
    facts = (run.facts or {}).get(run.parts["split"])
    verdict = run.inputs.get("verdict")
    run.add(
        "examples",
        lambda model, split, words: answered(model, split, words, verdict),
        run.inputs.get("model"),
        facts,
        run.vocabulary,
    )


def answered(
    model: types.Artifact,
    facts: SplitFacts,
    words: Vocabulary,
    verdict: types.Artifact | None = None,
) -> list[Answer]:
    """Returns what the model recommends after the example sessions.

    Args:
      model: the candidate.
      facts: facts of the evaluation split.
      words: the model's vocabulary.
      verdict: output of the gate, with the ranks of all evaluated steps.

    Raises:
      UnusableModelError: the model cannot be loaded or called.
    """
    if not facts.examples:
        return []
    ranks = _last_ranks(verdict) if verdict else {}
    catalogue = set(words.item_ids[: words.catalogue_size].tolist())
    ids, _ = Model(model).recommend([each.prefix for each in facts.examples], RECOMMENDED)
    return [
        Answer(
            example.prefix,
            example.target,
            example.target in catalogue,
            ranks.get(example.session_id),
            [Recommended(item, item == example.target) for item in row.tolist() if item],
        )
        for example, row in zip(facts.examples, ids, strict=True)
    ]


def _last_ranks(verdict: types.Artifact) -> dict[bytes, int]:
    """Returns the candidate's rank of every session's last step, where it has one."""
    with fileio.open(os.path.join(verdict.uri, rank_table.FILE_NAME), "rb") as file:
        table = rank_table.from_parquet(file.read())
    last = table.ranks[rank_table.CANDIDATE][table.offsets[1:] - 1]
    ranks = zip(table.session_ids.tolist(), last.tolist(), strict=True)
    return {session_id: rank for session_id, rank in ranks if rank != UNRANKED}


SECTION = Section("examples", "Examples", _add_parts)
