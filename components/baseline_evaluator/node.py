"""The node that fits the baselines and ranks the evaluation split's targets with each of them."""

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.baseline_evaluator.session_arrays import read_sorted
from modules.baselines.registry import IndexedSplits, make_baseline
from modules.config.fields import from_json
from modules.config.options.baselines import BaselineOptions
from modules.data.item_positions import ItemPositions
from modules.evaluation import metrics
from modules.evaluation.metric_names import count_name, headline_names
from modules.evaluation.prediction_steps import StepRanks
from modules.evaluation.rank_table import FILE_NAME, RankTable, to_parquet

_SHOWN = headline_names(["known"], ["all"])


@component
def BaselineEvaluator(
    examples: InputArtifact[standard_artifacts.Examples],
    baseline_ranks: OutputArtifact[simple_artifacts.Metrics],
    fit_splits: Parameter[str],
    split: Parameter[str],
    options: Parameter[str],
    own_items: Parameter[str] = "true",
    source_digest: Parameter[str] = "",
) -> None:
    """Ranks the evaluation split's targets with simple recommenders.

    Args:
      examples: one tf.Example per session, as SessionExampleGen writes them.
      baseline_ranks: output; gets `ranks.parquet` and `metrics.json`, see README.md.
      fit_splits: JSON list of the splits that model and baselines learn from.
      split: the evaluation split, whose steps are ranked.
      options: `BaselineOptions` as JSON.
      own_items: JSON: whether the model recommends unknown items of the session, as baselines do
        then in the honest view.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.

    Raises:
      ValueError: the splits to fit on hold no session, or a split does not exist.
    """
    splits, session_ids = _read(examples, json.loads(fit_splits), split, json.loads(own_items))
    found = evaluate(splits, session_ids, from_json(BaselineOptions, json.loads(options)))
    _write(baseline_ranks.uri, found)


class Evaluation(NamedTuple):
    """What the node writes: a table of ranks, and metrics by the baseline's name."""

    ranks: RankTable
    metrics: Mapping[str, Mapping[str, float]]


def evaluate(
    steps: IndexedSplits, session_ids: Sequence[bytes], options: BaselineOptions
) -> Evaluation:
    """Fits all baselines of the options and ranks all steps with them; prints a line for each.

    Args:
      steps: training sessions, and the steps to rank.
      session_ids: ids of the sessions to evaluate, sorted.
      options: which baselines, and their settings.
    """
    ranks: dict[str, StepRanks] = {}
    values: dict[str, dict[str, float]] = {}
    for name in options.names:
        ranks[name], values[name] = _evaluate_one(name, steps, options)
        print(_line(name, values[name]), flush=True)
    return Evaluation(steps.rank_table(session_ids, ranks), values)


def _read(
    examples: Artifact, fit_splits: Sequence[str], split: str, own_items: bool
) -> tuple[IndexedSplits, list[bytes]]:
    """Returns the sessions of the splits, and the ids of those to evaluate."""

    def folders(splits: Sequence[str]) -> list[str]:
        return [artifact_utils.get_split_uri([examples], each) for each in splits]

    positions = ItemPositions()
    train = read_sorted(folders(fit_splits), positions.add).sessions
    items = len(positions)
    session_ids, test = read_sorted(folders([split]), positions.add)
    return IndexedSplits.of_indexed(train, test, items, own_items), session_ids.to_pylist()


def _evaluate_one(
    name: str, steps: IndexedSplits, options: BaselineOptions
) -> tuple[StepRanks, dict[str, float]]:
    baseline = make_baseline(name, options)
    begin = time.perf_counter()
    baseline.fit(steps.train, steps.items)
    fitted = time.perf_counter()
    found = steps.ranks(baseline)
    seconds = {
        "fit_seconds": round(fitted - begin, 3),
        "judge_seconds": round(time.perf_counter() - fitted, 3),
    }
    return found.narrow(), metrics.metrics_from_rank_histograms(found.histograms()) | seconds


def _line(name: str, values: Mapping[str, float]) -> str:
    shown = "  ".join(
        f"{metric} {'-' if math.isnan(values[metric]) else format(values[metric], '.4f')}"
        for metric in _SHOWN
    )
    steps = values[count_name("known", "all")]
    seconds = values["fit_seconds"] + values["judge_seconds"]
    return f"    {name:<18}  {shown}  {steps:,.0f} steps  {seconds:.1f} s"


def _write(uri: str, found: Evaluation) -> None:
    fileio.makedirs(uri)
    with fileio.open(os.path.join(uri, FILE_NAME), "wb") as file:
        file.write(to_parquet(found.ranks))
    content = {
        baseline: {name: metrics.none_for_nan(value) for name, value in values.items()}
        for baseline, values in found.metrics.items()
    }
    with fileio.open(os.path.join(uri, "metrics.json"), "w") as file:
        file.write(json.dumps(content, indent=2))
