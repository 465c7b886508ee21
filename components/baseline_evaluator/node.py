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

from modules.baselines.registry import IndexedSplits, make_baseline
from modules.config.fields import from_json
from modules.config.options.baselines import BaselineOptions
from modules.evaluation import metrics
from modules.evaluation.metric_names import count_name, headline_names
from modules.evaluation.prediction_steps import StepRanks
from modules.evaluation.rank_table import FILE_NAME, RankTable, to_parquet
from modules.sessions.examples import read_batches

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
    found = evaluate(
        _read_sorted(examples, json.loads(fit_splits)),
        _read_sorted(examples, [split]),
        from_json(BaselineOptions, json.loads(options)),
        json.loads(own_items),
    )
    _write(baseline_ranks.uri, found)


class SessionRow(NamedTuple):
    """A session; rows sort by id.

    Attributes:
      session_id: id from the data.
      start_time: time of the first event, ms.
      item_ids: raw item ids, in time order.
    """

    session_id: bytes
    start_time: int
    item_ids: list[bytes]


class Evaluation(NamedTuple):
    """What the node writes: a table of ranks, and metrics by the baseline's name."""

    ranks: RankTable
    metrics: Mapping[str, Mapping[str, float]]


def evaluate(
    fitted_on: Sequence[SessionRow],
    evaluated: Sequence[SessionRow],
    options: BaselineOptions,
    own_items: bool,
) -> Evaluation:
    """Fits all baselines of the options and ranks all steps with them; prints a line for each."""
    steps = IndexedSplits.of(
        [session.item_ids for session in fitted_on],
        [session.item_ids for session in evaluated],
        [session.start_time for session in fitted_on],
        own_items,
    )
    ranks: dict[str, StepRanks] = {}
    values: dict[str, dict[str, float]] = {}
    for name in options.names:
        ranks[name], values[name] = _evaluate_one(name, steps, options)
        print(_line(name, values[name]), flush=True)
    session_ids = [session.session_id for session in evaluated]
    return Evaluation(steps.rank_table(session_ids, ranks), values)


def _read_sorted(examples: Artifact, splits: Sequence[str]) -> list[SessionRow]:
    folders = [artifact_utils.get_split_uri([examples], split) for split in splits]
    return sorted(
        SessionRow(*row)
        for folder in folders
        for batch in read_batches(folder)
        for row in zip(
            batch.session_ids.tolist(), batch.start_times.tolist(), batch.item_lists(), strict=True
        )
    )


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
    return found, metrics.metrics_from_rank_histograms(found.histograms()) | seconds


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
