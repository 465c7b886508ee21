"""A trial job before a run: whether a runner's workers start, and are fit for the run.

Only a job shows that: whether a task manager reaches its worker pool, whether the pool's Python has
this project, whether it sees the files. Workers that do not start are waited for without an end by
Flink and Spark, so the trial has a time limit.

    echo '{"flags": [...], "minutes": 3, "marker": "...", "content": "..."}' |
        python -m pipeline.beam.trial_job
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import modules  # noqa: F401 (chooses Keras 2 before TensorFlow is imported)
from pipeline.beam.runners import flag_value, runner_name

_FOR_EACH_SLOT = 4  # elements, so that every slot is likely to get one


def run(flags: list[str], minutes: float, marker: str, content: str) -> str:
    """Runs a job with the flags; returns why it is not usable, "" if it is."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.runner import PipelineState

    from pipeline.beam.worker_answer import Answer, versions_here
    from pipeline.run.progress import cause_of

    slots = max(1, int(flag_value(flags, "--parallelism", "1")))
    job = beam.Pipeline(options=PipelineOptions(flags))
    numbers = job | beam.Create(range(slots * _FOR_EACH_SLOT)) | beam.Reshuffle()
    _ = numbers | beam.ParDo(Answer(versions_here(), marker, content))
    try:
        result = job.run()
        state = result.wait_until_finish(duration=round(minutes * 60_000))
    except Exception as error:
        return _without_frame(cause_of(error))
    if state == PipelineState.DONE:
        return ""
    result.cancel()
    return (
        f"the workers of {runner_name(flags)} did not answer within {minutes:g} minutes (state "
        f"{state}): {_where_to_look(flags)}"
    )


def _without_frame(cause: str) -> str:
    """Returns a cause without the name of our own exception, and of the step."""
    return re.sub(r"^[\w.]*WorkerError: | \[while running '[^']*'\]$", "", cause)


def _where_to_look(flags: list[str]) -> str:
    pool = flag_value(flags, "--environment_config")
    pools = f"is there a worker pool at {pool}, as each task manager sees it, and a pool for each"
    hints = [
        *([pools] if pool else []),
        "is the cluster's log free of errors",
        "are slots free",
    ]
    return f"{', '.join(hints)}? beam.start_minutes is the time limit"


def main() -> None:
    """Reads what to try from stdin, and prints why it is not usable as the last line, in JSON."""
    wanted: dict[str, Any] = json.load(sys.stdin)
    print(json.dumps(run(**wanted)), flush=True)


if __name__ == "__main__":
    main()
