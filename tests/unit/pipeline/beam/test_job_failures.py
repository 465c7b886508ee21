"""The Python cause of a failed job: from the message, Flink's web interface, or workers' logs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from pipeline.beam.job_failures import WorkerFailedError, cause_in, explained, find_cause
from pipeline.beam.options import BeamOptions
from tests.scripted_server import Step, scripted

PYTHON = """Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1499, in process
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "modules/ingest/beam_sessions.py", line 8, in read
    raise ValueError("no good")
ValueError: no good: 3
and a second line [while running 'Read']
"""
# As Flink wraps it: what the harness reported, then Java's frames, then who wrapped it.
JAVA = f"""org.apache.flink.runtime.JobException: Recovery is suppressed by FixedDelay
\tat org.apache.flink.runtime.executiongraph.ExecutionFailureHandler.handleFailure(Ex.java:1)
Caused by: java.lang.RuntimeException: Error received from SDK harness for instruction 4: {PYTHON}
\tat java.base/java.util.concurrent.CompletableFuture.reportGet(CompletableFuture.java:395)
\t... 3 more
"""
BUFFERS = """org.apache.flink.runtime.JobException: Recovery is suppressed
\tat org.apache.flink.X.y(X.java:1)
Caused by: java.io.IOException: Insufficient number of network buffers: required 17, but only 3
\tat org.apache.flink.X.z(X.java:2)
"""
CAUSE = "ValueError: no good: 3\nand a second line [while running 'Read']"


@pytest.mark.parametrize("text", [PYTHON, JAVA, f"12:00 INFO all well\n{JAVA}{BUFFERS}"])
def test_the_last_python_message_is_the_cause(text: str) -> None:
    assert cause_in(text) == CAUSE


def test_java_is_the_cause_where_python_raised_nothing() -> None:
    assert "Insufficient number of network buffers" in cause_in(BUFFERS)
    assert cause_in("state FAILED") == ""


def _flink(end: float, exceptions: object, state: str = "FAILED") -> dict[str, Step]:
    jobs = [
        {"jid": "old", "state": "FAILED", "end-time": (end - 3600) * 1000},
        {"jid": "new", "state": state, "end-time": end * 1000},
    ]
    return {
        "/jobs/overview": Step(body=json.dumps({"jobs": jobs}).encode()),
        "/jobs/new/exceptions": Step(body=json.dumps(exceptions).encode()),
    }


def test_flink_says_what_a_worker_raised() -> None:
    now = time.time()
    with scripted(by_path=_flink(now, {"root-exception": JAVA})) as server:
        assert find_cause(BeamOptions(flink_url=f"{server.url}/"), now) == CAUSE
    entries = {"exceptionHistory": {"entries": [{"stacktrace": JAVA}]}, "root-exception": BUFFERS}
    with scripted(by_path=_flink(now, entries)) as server:
        assert find_cause(BeamOptions(flink_url=server.url), now) == CAUSE


def test_failures_of_other_runs_are_not_this_ones() -> None:
    now = time.time()
    for end, state in ((now - 600, "FAILED"), (now, "FINISHED")):
        with scripted(by_path=_flink(end, {"root-exception": JAVA}, state)) as server:
            assert find_cause(BeamOptions(flink_url=server.url), now) == ""


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"jobs": [{}]}', b'{"jobs": 3}'])
def test_an_address_that_is_not_flinks_is_not_an_error(body: bytes) -> None:
    with scripted(Step(body=body)) as server:
        assert find_cause(BeamOptions(flink_url=server.url), 0.0) == ""
    assert find_cause(BeamOptions(flink_url=server.url), 0.0) == ""
    assert find_cause(BeamOptions(flink_url="localhost"), 0.0) == ""


def test_the_newest_log_with_a_python_error_is_read(tmp_path: Path) -> None:
    now = time.time()
    for name, text, age in (
        ("old.log", PYTHON.replace("no good", "of yesterday"), 86_400),
        ("a.log", f"{JAVA}\n12:01 INFO shut down\n", 2),
        ("b.log", "12:02 INFO all well\n", 1),
    ):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (now - age, now - age))
    options = BeamOptions(worker_logs=f"{tmp_path}/*.log")
    assert find_cause(options, now) == CAUSE
    (tmp_path / "a.log").unlink()
    assert find_cause(options, now) == ""


def test_a_state_without_a_cause_is_explained(tmp_path: Path) -> None:
    (tmp_path / "pool.log").write_text(PYTHON)
    options = BeamOptions(worker_logs=f"{tmp_path}/*.log")
    failed = RuntimeError("Pipeline job-1 failed in state FAILED: unknown error")
    with pytest.raises(WorkerFailedError) as error, explained(options):
        raise failed
    assert str(error.value) == CAUSE and error.value.__cause__ is failed


@pytest.mark.parametrize(
    "failed",
    [
        RuntimeError("Pipeline job-1 failed in state FAILED: unknown error"),
        RuntimeError(f"Pipeline job-1 failed in state FAILED: {PYTHON}"),
        ValueError("no good"),
    ],
    ids=["unknown", "explained", "ours"],
)
def test_other_failures_stay_as_they_are(failed: Exception) -> None:
    with pytest.raises(type(failed)) as error, explained(BeamOptions()):
        raise failed
    assert error.value is failed
