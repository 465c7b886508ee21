"""The trial job: workers that answer, that are not fit, and that never start."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from pipeline.beam import trial_job
from pipeline.paths import PROJECT
from tests.hung_jobs import hung_job_server

LOCAL = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=unused",
]


def test_workers_that_see_the_marker_are_usable(tmp_path: Path) -> None:
    (tmp_path / "marker").write_text("abc")
    assert trial_job.run(LOCAL, 1, str(tmp_path / "marker"), "abc") == ""


def test_a_process_of_its_own_prints_why_workers_are_not_usable(tmp_path: Path) -> None:
    wanted = {"flags": LOCAL, "minutes": 1, "marker": str(tmp_path / "none"), "content": "abc"}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.beam.trial_job"],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=300,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer.startswith("the worker ") and "File" not in answer
    assert f"does not see {tmp_path}/none of the machine" in answer


def test_workers_that_do_not_start_are_found_in_the_time_limit() -> None:
    began = time.monotonic()
    with hung_job_server() as (service, address):
        flags = [
            *("--runner=PortableRunner", f"--job_endpoint={address}"),
            *("--environment_type=EXTERNAL", "--environment_config=localhost:50000"),
            *("--job_server_timeout=86400", "--sdk_container_image=unused"),
        ]
        answer = trial_job.run(flags, minutes=0.03, marker="", content="")
    assert time.monotonic() - began < 60
    assert answer == (
        "the workers of PortableRunner did not answer within 0.03 minutes (state RUNNING): is "
        "there a worker pool at localhost:50000, as each task manager sees it, and a pool for "
        "each, is the cluster's log free of errors, are slots free? beam.start_minutes is the "
        "time limit"
    )
    assert service.cancelled == ["job-1"]
