"""The node that builds the approximate index, compares it with the exact one, and blesses it."""

import dataclasses
import hashlib
import itertools
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils, path_utils

from components.index_builder import latency_probe
from components.index_builder.checks import APPROXIMATE, EXACT, check_index, measure
from modules.ann.export import OldModelError, export
from modules.ann.pq_index import CodeOptions, FaissMissingError, PQIndex
from modules.config.fields import from_json
from modules.config.options.index import IndexOptions
from modules.files.learned_data import read_learned, write_learned
from modules.files.model_folder import learned_from, write_manifest
from modules.gate.check_record import FAILED, Check, outcome, refusals
from modules.gate.report_files import INDEX_VERDICT
from modules.serving.infra_blessing import bless, is_blessed
from modules.serving.probe import ModelFailedError, call_in_process
from modules.sessions.examples import read_sessions

# The folder that holds the packages `components` and `modules`.
_SOURCES = str(Path(latency_probe.__file__).parents[2])


@component
def IndexBuilder(
    model: InputArtifact[standard_artifacts.Model],
    examples: InputArtifact[standard_artifacts.Examples],
    index: OutputArtifact[standard_artifacts.Model],
    # Not a ModelBlessing: the last blessed model is found by those of the model gate alone.
    blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    index_verdict: OutputArtifact[simple_artifacts.Metrics],
    split: Parameter[str],
    options: Parameter[str],
    infra_blessing: InputArtifact[standard_artifacts.InfraBlessing] = None,
    source_digest: Parameter[str] = "",
) -> None:
    """Builds a model with an approximate index from the exported one, and evaluates it.

    Both are called with sessions of the evaluation split, in turns, in a process of their own. The
    index must find enough of the exact index's best items, and be fast enough.

    Args:
      model: as Trainer exported it.
      examples: as SessionExampleGen writes them.
      index: output; the model with the index.
      blessing: output; whether the index may be pushed.
      index_verdict: output; gets the checks and measurements.
      split: the split whose sessions are sent.
      options: `IndexOptions` as JSON.
      infra_blessing: InfraBlessing of the exact model, which must be blessed too; may be left out.
      source_digest: digest of the node's code, so that TFX's cache sees an edit.
    """
    wanted = from_json(IndexOptions, json.loads(options))
    exact = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    approximate = path_utils.serving_model_path(index.uri)
    records = read_sessions(artifact_utils.get_split_uri([examples], split))
    sessions = list(itertools.islice(records, wanted.sessions))
    checks, measured = build(exact, approximate, sessions, wanted)
    if fileio.exists(approximate):
        origin = (learned_from(exact), wanted, source_digest)
        if (learned := read_learned(exact)) is not None:
            write_learned(approximate, learned)
        write_manifest(approximate, hashlib.sha256(repr(origin).encode()).hexdigest())
    if infra_blessing is not None:
        checks.append(_served_model(infra_blessing))
    verdict = {
        "passed": all(check.passed for check in checks),
        "checks": [check.as_json() for check in checks],
        "figures": measured,
        "options": dataclasses.asdict(wanted),
    }
    text = json.dumps(verdict, indent=2)
    io_utils.write_string_file(os.path.join(index_verdict.uri, INDEX_VERDICT), text)
    bless(blessing, bool(verdict["passed"]))
    print(summary(verdict), flush=True)


def build(
    exact: str, approximate: str, sessions: Sequence[Sequence[str]], options: IndexOptions
) -> tuple[list[Check], dict[str, Any]]:
    """Builds the model with the index, and calls both models in a process of their own.

    Args:
      exact: folder of the SavedModel that Trainer exported.
      approximate: folder of the new model.
      sessions: item ids in time order.
      options: options of the index and limits of its checks.

    Returns:
      The checks, and the measurements: those of `checks.measure`, `items`, `rescored`,
      `build_seconds` and, for `exact` and `approximate`, `megabytes`.
    """
    if not sessions:
        return [Check("sessions", FAILED, "no session to measure the index with")], {}
    began = time.monotonic()
    try:
        index = _export(exact, approximate, options)
        build_seconds = time.monotonic() - began
        command, requests = ["-m", latency_probe.__name__], {"real": list(sessions)}
        answers = call_in_process(command, requests, exact, approximate, cwd=_SOURCES)
    except (FaissMissingError, OldModelError, ModelFailedError) as error:
        return [Check("loads", FAILED, str(error))], {}
    measured = measure(answers)
    for name, folder in ((EXACT, exact), (APPROXIMATE, approximate)):
        measured[name]["megabytes"] = _megabytes(folder)
    checks = check_index(answers, measured, options)
    of_build = {"items": index.items, "rescored": index.rescored, "build_seconds": build_seconds}
    return checks, {**measured, **of_build}


def _export(exact: str, approximate: str, options: IndexOptions) -> PQIndex:
    """Writes the model to this machine first, since the folder may be elsewhere."""
    with tempfile.TemporaryDirectory() as scratch:
        made = os.path.join(scratch, "index")
        index = export(exact, made, CodeOptions(options.dimensions_per_code, options.rerank_depth))
        io_utils.copy_dir(made, approximate)
    return index


def _megabytes(folder: str) -> float:
    files = (
        os.path.join(parent, name) for parent, _, names in fileio.walk(folder) for name in names
    )
    return round(sum(tf.io.gfile.stat(file).length for file in files) / 1e6, 3)


def _served_model(blessing: types.Artifact) -> Check:
    passed = is_blessed(blessing)
    text = "the exact model " + ("passed" if passed else "did not pass") + " its serving check"
    return Check("model", outcome(passed), text)


def summary(verdict: Mapping[str, Any]) -> str:
    """Returns the result in a line, then a line per reason why the index is not pushed."""
    text = f"Approximate index: {'passed' if verdict['passed'] else 'failed, it is not pushed'}"
    if measured := verdict["figures"]:
        latencies = (
            f"{name} {measured[name]['p50_ms']:.2f} / {measured[name]['p99_ms']:.2f} ms"
            for name in (EXACT, APPROXIMATE)
        )
        text += f"; recall@100 {measured['recall@100']:.4f} over {measured['sessions']} sessions"
        text += f", p50 / p99 {', '.join(latencies)}"
    return "\n  ".join([text, *refusals(verdict["checks"])])
