"""The node that decides whether a model may be pushed."""

import json
import os
from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils

from components.model_gate.gate import Gate, Inputs
from components.model_gate.previous_verdict import EXAMPLES_ID
from modules.config.fields import from_json
from modules.config.options.evaluation import EvaluationOptions
from modules.config.options.model_gate import ModelGateOptions
from modules.daily.artifacts import mark, mark_day
from modules.evaluation.rank_table import FILE_NAME, RankTable, to_parquet
from modules.found import is_found
from modules.gate import metric_checks, model_card
from modules.gate.verdict_table import format_verdict


@component
def ModelGate(
    examples: InputArtifact[standard_artifacts.Examples],
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    model: InputArtifact[standard_artifacts.Model],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    verdict: OutputArtifact[simple_artifacts.Metrics],
    fit_splits: Parameter[str],
    evaluation_options: Parameter[str],
    options: Parameter[str],
    baseline_ranks: InputArtifact[simple_artifacts.Metrics] = None,
    last_blessed_model: InputArtifact[standard_artifacts.Model] = None,
    previous_verdict: InputArtifact[simple_artifacts.Metrics] = None,
    source_digest: Parameter[str] = "",
) -> None:
    """Decides whether a model may be pushed, and says why; no state of the models makes it fail.

    Args:
      examples: all splits, as SessionExampleGen writes them.
      evaluation: the Evaluator's result for the same model and split.
      model: the candidate.
      blessing: output; says whether the candidate is blessed.
      verdict: output; gets `verdict.json`, the model card, and `ranks.parquet`: the rank of every
        evaluated step's target by candidate, last blessed model and baselines.
      fit_splits: JSON list of the splits that the model learned from, which item counts and ages
        are over.
      evaluation_options: `EvaluationOptions` as JSON: the evaluation split and the slices.
      options: `ModelGateOptions` as JSON.
      baseline_ranks: output of BaselineEvaluator; may be left out.
      last_blessed_model: the model that serves; may be left out, or be marked as not found.
      previous_verdict: the verdict about the day before, to take days together; may be left out, or
        be marked as not found.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    last_blessed = last_blessed_model if is_found(last_blessed_model) else None
    previous = previous_verdict if is_found(previous_verdict) else None
    inputs = Inputs(examples, evaluation, model, baseline_ranks, last_blessed, previous)
    gate = Gate(
        inputs,
        from_json(ModelGateOptions, json.loads(options)),
        from_json(EvaluationOptions, json.loads(evaluation_options)),
        json.loads(fit_splits),
    )
    table, content = gate.decide()
    verdict.set_int_custom_property(EXAMPLES_ID, examples.id)
    mark(verdict, examples)
    _write_verdict(verdict.uri, table, content)
    _bless(blessing, content["blessed"], inputs)
    mark_day(blessing, examples)
    print(format_verdict(content), flush=True)
    print(f"Blessed: {'yes' if content['blessed'] else 'no'}", flush=True)


def _write_verdict(uri: str, table: RankTable, content: dict[str, Any]) -> None:
    fileio.makedirs(uri)
    with fileio.open(os.path.join(uri, FILE_NAME), "wb") as file:
        file.write(to_parquet(table))
    for name, text in (
        (metric_checks.FILE_NAME, json.dumps(content, indent=2, allow_nan=False)),
        (model_card.FILE_NAME, model_card.model_card(content)),
    ):
        with fileio.open(os.path.join(uri, name), "w") as file:
            file.write(text)


def _bless(blessing: types.Artifact, blessed: bool, inputs: Inputs) -> None:
    """Sets the same properties and writes the same file as TFX's Evaluator."""
    text, integer = blessing.set_string_custom_property, blessing.set_int_custom_property
    text(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, inputs.model.uri)
    integer(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, inputs.model.id)
    if inputs.last_blessed is not None:
        text(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, inputs.last_blessed.uri)
        integer(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, inputs.last_blessed.id)
    value = constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
    integer(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
