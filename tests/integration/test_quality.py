"""The model, as the preset `sample` trains it, against simple rules on the bundled sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import yaml
from tfx.components.trainer.fn_args_utils import FnArgs

from modules import trainer
from modules.baselines.item_based import Popularity, SequentialRules
from modules.config.options.features import FeatureOptions
from modules.config.options.model import ModelOptions
from modules.config.options.trainer import TrainerOptions
from modules.evaluation import metrics
from modules.sessions.examples import ExampleEncoder
from pipeline.sample.generate import generate_sessions
from tests.baseline_ranks import evaluate_baseline

PRESET = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "pipeline" / "presets" / "sample.yaml").read_text()
)


@pytest.fixture(scope="module")
def data(transform, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The whole sample; the last 15 % of train by start time are eval."""
    train, test = generate_sessions()
    train.sort(key=lambda session: session.event_times[0])
    cut = round(len(train) * 0.85)
    parts = {"train": train[:cut], "eval": train[cut:], "test": test}
    sessions = {name: [session.item_ids for session in part] for name, part in parts.items()}
    options = FeatureOptions(**PRESET.get("features", {}))
    return transform(tmp_path_factory.mktemp("whole_sample"), sessions, options)


@pytest.fixture(scope="module")
def found(data, fn_args, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Metrics of the model on the test sessions."""
    out = tmp_path_factory.mktemp("quality") / "run"
    args = fn_args(data, out)
    args["custom_config"]["model"] = vars(ModelOptions(**PRESET.get("model", {})))
    args["custom_config"]["trainer"] = vars(TrainerOptions(**PRESET.get("trainer", {})))
    trainer.run_fn(FnArgs(**args))
    evaluate = tf.saved_model.load(str(out / "model")).signatures["evaluate"]
    histograms = np.zeros((2, 2, metrics.BINS), np.int64)
    sessions = data.sessions["test"]
    for start in range(0, len(sessions), 500):
        examples = tf.constant([_example(ids) for ids in sessions[start : start + 500]])
        judged = evaluate(examples=examples)
        ranks = (judged[name].numpy() for name in ("rank", "known", "known_rank"))
        histograms += metrics.rank_histograms(*ranks)
    return metrics.metrics_from_rank_histograms(histograms)


def _example(session: list[str]) -> bytes:
    return ExampleEncoder().encode(b"", 0, [item.encode() for item in session], [])


@pytest.mark.parametrize("baseline", [Popularity, SequentialRules])
def test_beats_the_baseline_in_every_view(data, found, baseline: type) -> None:
    fitted = [*data.sessions["train"], *data.sessions["eval"]]
    beaten = evaluate_baseline(baseline(), fitted, data.sessions["test"])

    for view in ("known/all", "known/last", "honest/all", "honest/last"):
        assert found[f"{view}/n"] == beaten[f"{view}/n"] > 1000
        for metric in ("recall@20", "mrr@20"):
            assert found[f"{view}/{metric}"] > beaten[f"{view}/{metric}"], (view, metric)
