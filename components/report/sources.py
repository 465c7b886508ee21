"""Reads the artifacts that the page is about: sessions, vocabulary, ranks, and asks the model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from components.report.session_facts import (
    MOST_SESSIONS,
    Sessions,
    SplitFacts,
    first_sessions,
    split_facts,
)
from components.report.tables import data_counts as count_table
from modules.config.options import FeatureOptions, from_json
from modules.data.vocabulary import VOCABULARY_NAME, Vocabulary, read_vocabulary
from modules.evaluation import rank_table
from modules.evaluation.metrics import UNRANKED
from modules.gate.model_ranks import Model
from modules.ingest.output_files import read_report
from modules.sessions.session_batches import read_batches

RECOMMENDED = 10


class Recommended(NamedTuple):
    """A recommended item, and whether it is what came next."""

    item: bytes
    is_next: bool


class Answer(NamedTuple):
    """An example session and the model's answer.

    Attributes:
      prefix: what the model was asked about.
      target: what came next.
      is_catalogued: whether the model can recommend that at all.
      rank: of the target; None if the gate did not judge the session, or the target cannot be
        recommended.
      recommended: the answer.
    """

    prefix: list[bytes]
    target: bytes
    is_catalogued: bool
    rank: int | None
    recommended: list[Recommended]


def data_counts(examples: types.Artifact) -> dict[str, Any]:
    """Returns SessionExampleGen's counts as a table, and the first rejected rows."""
    report = read_report(examples.uri)
    return {**count_table(report.counts), "rejects": report.rejects}


def vocabulary(transform_graph: types.Artifact, features: Mapping[str, Any]) -> Vocabulary:
    """Reads the vocabulary that Transform made."""
    path = os.path.join(transform_graph.uri, "transform_fn", "assets", VOCABULARY_NAME)
    return read_vocabulary(path, from_json(FeatureOptions, features))


def read_facts(examples: types.Artifact, words: Vocabulary) -> dict[str, SplitFacts]:
    """Reads the first sessions of every split."""
    known = set(words.item_ids.tolist())
    catalogue = set(words.item_ids[: words.catalogue_size].tolist())
    return {
        split: split_facts(
            first_sessions(_sessions(examples, split), MOST_SESSIONS), known, catalogue
        )
        for split in artifact_utils.decode_split_names(examples.split_names)
    }


def _sessions(examples: types.Artifact, split: str) -> Iterator[Sessions]:
    for batch in read_batches(examples, split):
        yield Sessions(batch.session_ids, batch.items, batch.offsets)


def answered(
    model: types.Artifact,
    facts: SplitFacts,
    words: Vocabulary,
    verdict: types.Artifact | None = None,
) -> list[Answer]:
    """Asks the model what follows in the example sessions.

    Args:
      model: the candidate.
      facts: of the judged split.
      words: the model's vocabulary.
      verdict: output of the gate, with the ranks of all judged steps.

    Raises:
      UnusableModelError: the model cannot be loaded or asked.
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
        table = rank_table.read_table(pa.BufferReader(file.read()))
    last = table.ranks[rank_table.CANDIDATE][table.offsets[1:] - 1]
    ranks = zip(table.session_ids.tolist(), last.tolist(), strict=True)
    return {session_id: rank for session_id, rank in ranks if rank != UNRANKED}
