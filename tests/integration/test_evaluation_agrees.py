"""Evaluator's metrics of a trained model equal NumPy's on the same scores.

Nothing of `evaluate` is used on NumPy's side: prefixes, windows, scores, ranks and views are
computed again, step by step, from raw ids and the model's vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tfx.components import Evaluator
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.types import standard_artifacts

from modules.config.options.evaluation import EvaluationOptions
from modules.evaluation import metrics, tfma_metrics
from modules.evaluation.ranks import conservative_rank
from tests.integration.test_evaluator import BEAM_ARGS, write_examples
from tests.own_items import own_scores

# Beside the sample's test sessions: nothing known, something known too late, windows exceeded.
SPECIAL = [["new 1", "new 2", "new 3"], ["new 1", "new 2"]]


@pytest.fixture(scope="module")
def sessions(sample) -> list[list[str]]:
    popular = [item.decode() for item in sample.vocabulary().item_ids[:12]]
    return [
        *sample.sessions["test"],
        *SPECIAL,
        ["new 1", popular[3]],
        [popular[0], "new 1", popular[1]],
        popular + popular[::-1],
        ["new 1", *popular, "new 2", popular[2], popular[2]],
    ]


@pytest.fixture(scope="module")
def expected(sample, trained, sessions) -> dict[str, float]:
    """All metrics by name."""
    vocabulary, window = sample.vocabulary(), sample.features.max_context
    positions = {item.decode(): place for place, item in enumerate(vocabulary.item_ids)}
    popularity = -np.arange(vocabulary.catalogue_size, dtype=np.float32)
    steps = max(map(len, sessions)) - 1
    rank, known, known_rank = np.zeros((3, len(sessions), steps), np.int64)
    for row, session in enumerate(sessions):
        for step, target in enumerate(session[1:]):
            prefix = session[: step + 1]
            seen = [positions[item] for item in prefix if item in positions][-window:]
            position = positions.get(target, -1)
            known[row, step] = bool(seen) and position >= 0
            scores = trained.scores(seen) if seen else popularity
            known_rank[row, step] = conservative_rank(scores[None], [position])[0]
            plain = trained.plain_scores(seen) if seen else popularity
            if seen:
                scores = trained.scores(seen, is_over=prefix[-1] not in positions)
            own = own_scores(prefix[-window:], positions, plain, trained.seen)
            if target in own:
                position = len(scores) + [*own].index(target)
            scores = np.append(scores, [*own.values()])
            rank[row, step] = conservative_rank(scores[None], [position])[0]
    return metrics.metrics_from_ranks(rank, known, known_rank)


@pytest.fixture(scope="module")
def found(trained, sessions, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """All metrics by name, from Evaluator."""
    folder = tmp_path_factory.mktemp("evaluator")
    write_examples(folder / "examples" / "Split-test", sessions)
    model = folder / "model" / "Format-Serving"
    model.parent.mkdir()
    model.symlink_to(trained.folder / "model")
    examples = Importer(
        source_uri=str(folder / "examples"),
        artifact_type=standard_artifacts.Examples,
        properties={"split_names": '["test"]'},
    ).with_id("Examples")
    model_node = Importer(
        source_uri=str(model.parent), artifact_type=standard_artifacts.Model
    ).with_id("Model")
    evaluator = Evaluator(
        examples=examples.outputs["result"],
        model=model_node.outputs["result"],
        example_splits=["test"],
        eval_config=tfma_metrics.eval_config(EvaluationOptions()),
    )
    LocalDagRunner().run(
        pipeline.Pipeline(
            pipeline_name="evaluate",
            pipeline_root=str(folder / "root"),
            components=[examples, model_node, evaluator],
            metadata_connection_config=metadata.sqlite_metadata_connection_config(
                str(folder / "metadata.sqlite")
            ),
            beam_pipeline_args=BEAM_ARGS,
        )
    )
    (output,) = (folder / "root" / "Evaluator" / "evaluation").iterdir()
    return _overall(tfma.load_metrics(str(output)))


def _overall(records: Any) -> dict[str, float]:
    return {
        entry.key.name: entry.value.double_value.value
        for record in records
        if not record.slice_key.single_slice_keys
        for entry in record.metric_keys_and_values
    }


def test_every_metric_and_count_agrees(found, expected) -> None:
    assert len(expected) == 64
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_there_was_something_to_agree_on(expected, sessions) -> None:
    steps = sum(len(session) - 1 for session in sessions)
    assert expected["honest/all/n"] == steps > 200
    assert expected["honest/last/n"] == len(sessions)
    assert 0 < expected["known/last/n"] < expected["known/all/n"] < steps
    assert 0.02 < expected["known/all/recall@1"] < expected["known/all/recall@20"] < 0.98
