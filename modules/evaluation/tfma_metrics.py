"""Metrics for TFMA over the ranks of every step, overall and by slice.

The `evaluate` signature of the SavedModel returns int64 arrays `[batch, steps]`: `rank`, `known`,
`context_length`, `target_count`, `known_rank`. One `SessionRankMetrics` turns them into all metrics
of `modules.evaluation.metrics`, from one shared set of rank histograms of a few kilobytes, whatever
the number of sessions.

The results have the names of `modules.evaluation.metrics` and `modules.evaluation.slices`. Session
slices are TFMA's own: feature `session_length_bucket` of the `eval_features` signature. A metric
over no step is NaN. There are no thresholds: `components/model_gate` decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from modules.array_types import IntArray
from modules.config.options.evaluation import EvaluationOptions
from modules.evaluation.metric_names import evaluator_names
from modules.evaluation.slice_names import Bounds
from modules.evaluation.slices import (
    SLICED_OUTPUTS,
    Histograms,
    Rows,
    count_steps,
    metric_values,
    step_outputs,
)

SIGNATURE = "evaluate"
FEATURES_SIGNATURE = "eval_features"
LABEL_KEY = "label"
SESSION_SLICES = ("session_length_bucket",)

# Sessions whose ranks are counted in one NumPy pass.
_ROWS_PER_PASS = 512

Accumulator = tuple[Histograms, Rows]


class SessionRankMetrics(tfma.metrics.Metric):
    """All ranking metrics of sessions, overall and per step slice, from one combiner per model."""

    def __init__(
        self,
        context_length_buckets: Sequence[int] = (),
        target_count_buckets: Sequence[int] = (),
        source_digest: str = "",
        name: str = "session_rank_metrics",
    ):
        """Sets the step slices.

        Args:
          context_length_buckets: inclusive upper bounds of the context length slices.
          target_count_buckets: inclusive upper bounds of the target popularity slices.
          source_digest: digest of the evaluation code, so that TFX's cache sees an edit.
          name: name of the metric in TFMA; results have their own names.
        """
        super().__init__(
            _computations,
            context_length_buckets=list(context_length_buckets),
            target_count_buckets=list(target_count_buckets),
            source_digest=source_digest,
            name=name,
        )


def _computations(
    context_length_buckets: Sequence[int],
    target_count_buckets: Sequence[int],
    source_digest: str,
    name: str,
    model_names: Sequence[str] = ("",),
) -> list[tfma.metrics.MetricComputation]:
    del source_digest, name
    bounds = dict(zip(SLICED_OUTPUTS, (context_length_buckets, target_count_buckets), strict=True))
    names = evaluator_names(bounds)
    return [
        tfma.metrics.MetricComputation(
            keys=[_key(metric, model_name) for metric in names],
            preprocessors=None,
            combiner=RankHistogramCombiner(model_name, bounds),
        )
        for model_name in model_names
    ]


def _key(name: str, model_name: str) -> tfma.metrics.MetricKey:
    # `example_weighted=None` is the key under which MetricsSpec's thresholds look a metric up.
    return tfma.metrics.MetricKey(name, model_name=model_name, example_weighted=None)


class RankHistogramCombiner(beam.CombineFn):
    """Adds up the rank histograms of one model's predictions, from which all metrics follow.

    An accumulator is (histograms, rows of sessions that wait to be counted together).
    """

    def __init__(self, model_name: str, bounds: Bounds):
        """Takes the name of the model, and the step slices' upper bounds by output."""
        self._model_name = model_name
        self._bounds = bounds

    def create_accumulator(self) -> Accumulator:
        """Returns an empty accumulator."""
        return count_steps([], self._bounds), []

    def add_input(
        self, accumulator: Accumulator, element: tfma.metrics.StandardMetricInputs
    ) -> Accumulator:
        """Adds one session."""
        accumulator[1].append(_row(element.get_predictions(self._model_name)))
        return self.compact(accumulator) if len(accumulator[1]) >= _ROWS_PER_PASS else accumulator

    def merge_accumulators(self, accumulators: Iterable[Accumulator]) -> Accumulator:
        """Sums accumulators."""
        counted = [self.compact(accumulator)[0] for accumulator in accumulators]
        return _sum([count_steps([], self._bounds), *counted]), []

    def compact(self, accumulator: Accumulator) -> Accumulator:
        """Counts the waiting rows."""
        histograms, rows = accumulator
        return (_sum([histograms, count_steps(rows, self._bounds)]), []) if rows else accumulator

    def extract_output(self, accumulator: Accumulator) -> dict[tfma.metrics.MetricKey, float]:
        """Returns all metrics under TFMA's keys."""
        values = metric_values(self.compact(accumulator)[0], self._bounds)
        return {_key(name, self._model_name): value for name, value in values.items()}


def _sum(histograms: Iterable[Histograms]) -> Histograms:
    overall, sliced = zip(*histograms, strict=True)
    return np.sum(overall, axis=0), np.sum(sliced, axis=0)


def _row(outputs: Mapping[str, IntArray]) -> IntArray:
    return np.stack([np.ravel(values) for values in step_outputs(outputs).values()])


def eval_config(options: EvaluationOptions, source_digest: str = "") -> config_pb2.EvalConfig:
    """Returns the configuration of Evaluator: model, metrics and slices."""
    metric = config_pb2.MetricConfig(
        class_name=SessionRankMetrics.__name__,
        module=__name__,
        config=json.dumps(
            {
                "context_length_buckets": tuple(options.context_length_buckets),
                "target_count_buckets": tuple(options.target_count_buckets),
                "source_digest": source_digest,
            }
        ),
    )
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                signature_name=SIGNATURE,
                label_key=LABEL_KEY,
                preprocessing_function_names=[FEATURES_SIGNATURE],
            )
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=[feature]) for feature in SESSION_SLICES),
        ],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metric])],
    )
