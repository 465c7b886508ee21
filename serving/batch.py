"""Recommendations for whole files of sessions: a Beam job around a pushed SavedModel.

SessionExampleGen's own transforms read files and build sessions, so sessions are the same as in
training. Each worker process loads the model once.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared
from tfx.dsl.io import fileio

from modules.ann.recommender import load_recommender
from modules.config.options.sessions import SessionOptions
from modules.ingest import input_files, output_files
from modules.ingest.beam_sessions import Batch, SessionsFromFiles
from modules.ingest.counts import check_report, merge_reports
from modules.ingest.report import Report, read_report
from modules.sessions.examples import decode
from modules.sessions.feature_names import SESSION_ID
from modules.sessions.sessions import SessionDataError
from modules.sessions.time_splits import CutRules
from serving.batch_formats import FORMATS, SessionAnswer
from serving.pushed_models import SESSIONS_AT_ONCE, check_whole

SPLIT = "test"  # whose sessions SessionExampleGen does not change
SIGNATURE = "serving_default"
SUMMARY_NAME = "summary.json"
_MODEL_MEMORY = Shared()


class _NoModel:
    """A value that `Shared` can keep in place of a model."""


@dataclasses.dataclass(frozen=True)
class BatchJob:
    """The settings of a batch job.

    Attributes:
      model: folder of the SavedModel, or of a model with an approximate index.
      pattern: file of sessions, or pattern of files.
      out: folder of the recommendations.
      sessions: options for reading rows; sessions of one event count too.
      count: most items per session, at most 100.
      file_format: key of `FORMATS`.
      shards: about how many files of recommendations; None for one per 2 MiB of input.
      request_size: sessions per call of the model.
      beam_args: flags of the Beam job.
    """

    model: str
    pattern: str
    out: str
    sessions: SessionOptions
    count: int = 20
    file_format: str = "tsv"
    shards: int | None = None
    request_size: int = SESSIONS_AT_ONCE
    beam_args: Sequence[str] = ()


class Recommend(beam.DoFn):
    """Recommends items for batches of serialized tf.Examples, and writes a shard of each."""

    REPORT = "report"

    def __init__(self, job: BatchJob) -> None:
        """Keeps the job."""
        self._job = job

    def setup(self) -> None:
        """Loads the model, unless this process has loaded it."""
        # The tag distinguishes the models of several jobs in one process.
        self._model = _MODEL_MEMORY.acquire(
            lambda: load_recommender(self._job.model), tag=self._job.model
        )
        self._signature = self._model.signatures[SIGNATURE]

    def process(self, batch: tuple[Any, ...]) -> Iterator[Any]:
        """Yields the path of the shard, and a report of counts."""
        batch = Batch(*batch)
        began = time.monotonic()
        answers = list(self._answers(batch.examples))
        took = time.monotonic() - began
        form = FORMATS[self._job.file_format]
        path = shard_path(self._job, batch.bucket, batch.buckets)
        output_files.write_whole(self._job.out, path, form(answers))
        counts = {
            "sessions_answered": len(answers),
            "items_recommended": sum(len(answer.item_ids) for answer in answers),
            "model_milliseconds": round(1e3 * took),
        }
        yield path
        yield beam.pvalue.TaggedOutput(self.REPORT, Report(counts))

    def _answers(self, examples: Sequence[bytes]) -> Iterator[SessionAnswer]:
        size, count = self._job.request_size, self._job.count
        for start in range(0, len(examples), size):
            part = examples[start : start + size]
            answer = self._signature(examples=tf.constant(part))
            columns = (answer["item_ids"].numpy()[:, :count], answer["scores"].numpy()[:, :count])
            for example, ids, scores in zip(part, *columns, strict=True):
                width = np.count_nonzero(ids != b"")  # fewer if few items are recommendable
                items = ids[:width].tolist()
                session_id = decode(example)[SESSION_ID].bytes_list.value[0]
                yield SessionAnswer(session_id, items, scores[:width].tolist())


def shard_path(job: BatchJob, shard: int, shards: int) -> str:
    """Returns the path of a file of recommendations."""
    return os.path.join(job.out, f"recommendations-{shard:05d}-of-{shards:05d}.{job.file_format}")


def run_batch(job: BatchJob) -> dict[str, Any]:
    """Runs the job and writes `summary.json` last, so that a folder with it is complete.

    Returns:
      The summary: counts, seconds, sessions per second.

    Raises:
      NoModelError: the model is damaged.
      SessionDataError: the input cannot be used.
      FileExistsError: the output exists and is not an empty folder.
    """
    check_whole(job.model)
    if fileio.exists(job.out) and not (fileio.isdir(job.out) and not fileio.listdir(job.out)):
        raise FileExistsError(f"{job.out} is not an empty folder: name another one, or remove it.")
    try:
        return _run(job)
    except SessionDataError as error:
        kept = output_files.keep_rejects(job.out, f"{job.out.rstrip('/')}.rejects.jsonl")
        raise SessionDataError(f"{error}{kept}") from error
    finally:
        if not fileio.exists(os.path.join(job.out, SUMMARY_NAME)) and fileio.exists(job.out):
            fileio.rmtree(job.out)  # a failed job leaves no recommendations


def _run(job: BatchJob) -> dict[str, Any]:
    sessions = dataclasses.replace(job.sessions, min_session_length=1, min_item_support=1)
    inputs = input_files.find_input("", [(SPLIT, job.pattern)], sessions)
    began = time.monotonic()
    output_files.prepare(job.out, [])
    with beam.Pipeline(options=PipelineOptions(list(job.beam_args))) as pipeline:
        _build(pipeline, job, inputs, sessions)
    _MODEL_MEMORY.acquire(_NoModel, tag="none")  # Shared keeps an object until the next tag
    report = read_report(job.out)
    check_report(report, inputs, [SPLIT], CutRules(sessions))
    summary = _summary(job, inputs, report, time.monotonic() - began)
    output_files.finish(job.out)
    with fileio.open(os.path.join(job.out, SUMMARY_NAME), "w") as file:
        file.write(json.dumps(summary, indent=2) + "\n")
    return summary


def _build(
    pipeline: beam.Pipeline,
    job: BatchJob,
    inputs: list[input_files.InputSplit],
    sessions: SessionOptions,
) -> None:
    sizes: dict[str, Any] = {}
    if job.shards:
        text = sum(split.text_bytes() for split in inputs)
        sizes = {"bucket_bytes": max(1, text // job.shards)}
    built = pipeline | SessionsFromFiles(inputs, CutRules(sessions), **sizes)
    answered = built.batches | "Recommend" >> beam.ParDo(Recommend(job)).with_outputs(
        Recommend.REPORT, main="paths"
    )
    _ = built.rejects | beam.ParDo(output_files.WriteRejects(job.out))
    reports = [built.report, answered[Recommend.REPORT]] | "AllReports" >> beam.Flatten()
    merged = reports | "MergeAll" >> beam.CombineGlobally(merge_reports).without_defaults()
    _ = merged | "WriteReport" >> beam.Map(output_files.write_report, job.out)


def _summary(
    job: BatchJob, inputs: list[input_files.InputSplit], report: Report, seconds: float
) -> dict[str, Any]:
    answered = report.counts["sessions_answered"]
    shards = [name for name in fileio.listdir(job.out) if name.endswith(f".{job.file_format}")]
    rejected = sum(n for name, n in report.counts.items() if ".rows_rejected." in name)
    model_seconds = report.counts["model_milliseconds"] / 1e3
    return {
        "model": job.model,
        "input": job.pattern,
        "files": len(inputs[0].files),
        "shards": len(shards),
        "rows_read": report.counts[f"{SPLIT}.rows_read"],
        "rows_rejected": rejected,
        "sessions": answered,
        "items": report.counts["items_recommended"],
        "seconds": round(seconds, 3),
        "sessions_per_second": round(answered / seconds, 1),
        "model_sessions_per_second": round(answered / max(model_seconds, 1e-3), 1),
    }
