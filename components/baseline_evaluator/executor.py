"""Reads sessions, fits and judges each baseline, writes ranks and metrics."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from components.baseline_evaluator import session_reader
from components.baseline_evaluator.session_reader import Sessions
from modules.array_types import IntArray
from modules.baselines.registry import IndexedSplits, make_baseline
from modules.config.baselines import BaselineOptions
from modules.config.fields import from_json
from modules.evaluation import metrics
from modules.evaluation.rank_table import FILE_NAME, RankTable, to_parquet

EXAMPLES = "examples"
BASELINE_RANKS = "baseline_ranks"
FIT_SPLITS = "fit_splits"
JUDGED_SPLIT = "judged_split"
OPTIONS = "options"
SOURCE_DIGEST = "source_digest"
METRICS_NAME = "metrics.json"

_SHOWN = metrics.headline_names(["known"], ["all"])


class Executor(base_executor.BaseExecutor):
    """Executor of BaselineEvaluator."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Fits and judges the baselines.

        Raises:
          ValueError: the splits to fit on hold no session, or a split does not exist.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        options = from_json(BaselineOptions, json.loads(exec_properties[OPTIONS]))
        examples = artifact_utils.get_single_instance(input_dict[EXAMPLES])
        fitted_on = session_reader.read_sessions(examples, json.loads(exec_properties[FIT_SPLITS]))
        judged = session_reader.read_sessions(examples, [exec_properties[JUDGED_SPLIT]])
        found = judge(fitted_on, judged, options)
        output = artifact_utils.get_single_instance(output_dict[BASELINE_RANKS])
        _write(output.uri, found)


class Judgement(NamedTuple):
    """What the node writes: a table of ranks, and figures by the baseline's name."""

    ranks: RankTable
    figures: Mapping[str, Mapping[str, float]]


def judge(fitted_on: Sessions, judged: Sessions, options: BaselineOptions) -> Judgement:
    """Fits every baseline of the options and ranks all steps with it; prints a line for each."""
    steps = IndexedSplits.of(fitted_on.item_ids, judged.item_ids, fitted_on.start_times)
    ranks: dict[str, IntArray] = {}
    figures: dict[str, dict[str, float]] = {}
    for name in options.names:
        ranks[name], figures[name] = _judge_one(name, steps, options)
        print(_line(name, figures[name]), flush=True)
    return Judgement(steps.rank_table(judged.session_ids, ranks), figures)


def _judge_one(
    name: str, steps: IndexedSplits, options: BaselineOptions
) -> tuple[IntArray, dict[str, float]]:
    baseline = make_baseline(name, options)
    begin = time.perf_counter()
    baseline.fit(steps.train, steps.items)
    fitted = time.perf_counter()
    found = steps.ranks(baseline)
    seconds = {
        "fit_seconds": round(fitted - begin, 3),
        "judge_seconds": round(time.perf_counter() - fitted, 3),
    }
    return found.rank, metrics.metrics_from_rank_histograms(found.histograms()) | seconds


def _line(name: str, figures: Mapping[str, float]) -> str:
    shown = "  ".join(
        f"{metric} {'-' if math.isnan(figures[metric]) else format(figures[metric], '.4f')}"
        for metric in _SHOWN
    )
    steps = figures[metrics.count_name("known", "all")]
    seconds = figures["fit_seconds"] + figures["judge_seconds"]
    return f"    {name:<18}  {shown}  {steps:,.0f} steps  {seconds:.1f} s"


def _write(uri: str, found: Judgement) -> None:
    fileio.makedirs(uri)
    with fileio.open(os.path.join(uri, FILE_NAME), "wb") as file:
        file.write(to_parquet(found.ranks))
    content = {name: _without_nan(figures) for name, figures in found.figures.items()}
    with fileio.open(os.path.join(uri, METRICS_NAME), "w") as file:
        file.write(json.dumps(content, indent=2))


def _without_nan(figures: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN; a mean over nothing is null, as in the run's summary."""
    return {name: None if math.isnan(value) else value for name, value in figures.items()}
