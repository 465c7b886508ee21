"""The lines about nodes, from a real LocalDagRunner: they hang on what TFX logs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline.run import launch
from pipeline.run.progress import cause_of

PROJECT = Path(__file__).resolve().parents[2]
# A program of its own: TFX imports the nodes' functions by name, and the log is the process's.
PROGRAM = """
import os
import subprocess
import sys

import tensorflow as tf
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.types.standard_artifacts import Model, Schema

from pipeline.run.progress import console, report_failure, watch_nodes


@component
def Exports(model: OutputArtifact[Model]):
    tf.saved_model.save(tf.Module(), model.uri)  # resets the levels of TFX's logger
    subprocess.run(["echo", "noise of a subprocess"])


@component
def Talks(schema: OutputArtifact[Schema], text: Parameter[str]):
    print(text, flush=True)
    if text == "bad":
        raise ValueError("no good text: " + text)


def main(folder, text):
    nodes = [Exports(), Talks(text=text)]
    nodes[1].add_upstream_node(nodes[0])
    pipeline = Pipeline(
        "progress",
        os.path.join(folder, "root"),
        components=nodes,
        enable_cache=True,
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            os.path.join(folder, "metadata.sqlite")
        ),
    )
    with console() as stream:
        try:
            finished = []
            with watch_nodes(stream, len(pipeline.components), finished.append) as progress:
                LocalDagRunner().run(pipeline)
            print(sorted(progress.seconds), progress.cached)
            assert finished == ["Exports", "Talks"]
        except Exception as error:
            report_failure(error)
            sys.exit(1)
    print("back to normal", flush=True)
    subprocess.run(["echo", "a subprocess again"])


if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[int, list[str], str]]:
    folder = tmp_path_factory.mktemp("progress")
    (folder / "program.py").write_text(PROGRAM)

    def call(text: str) -> tuple[int, list[str], str]:
        done = subprocess.run(
            [sys.executable, str(folder / "program.py"), str(folder), text],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
            timeout=300,
        )
        lines = [re.sub(r"[0-9]+\.[0-9] s", "N s", line) for line in done.stdout.splitlines()]
        return done.returncode, lines, done.stderr

    return call


def test_a_line_per_node_and_the_cache_of_the_second_run(run) -> None:
    status, lines, errors = run("good")
    assert lines == [
        "[1/2] Exports ... N s",
        "[2/2] Talks ... ",
        "good",
        "[2/2] Talks ... N s",
        "['Exports', 'Talks'] []",
        "back to normal",
        "a subprocess again",
    ]
    assert "noise of a subprocess" in errors
    assert status == 0
    status, lines, errors = run("good")
    assert lines[:3] == [
        "[1/2] Exports ... cached",
        "[2/2] Talks ... cached",
        "['Exports', 'Talks'] ['Exports', 'Talks']",
    ]
    assert "INFO" not in errors


def test_a_failure_names_node_and_cause_and_leaves_the_traceback_to_the_log(run) -> None:
    status, lines, errors = run("bad")
    assert status == 1
    assert lines[-2:] == [
        "[2/2] Talks ... failed after N s",
        "Failed: Talks: ValueError: no good text: bad",
    ]
    assert "Traceback (most recent call last)" in errors


def _refuse(row: int) -> int:
    if row == 7:
        raise ValueError("bad row 7:\nit is seven")
    return row


def test_beams_report_of_a_failure_is_cut_to_the_message() -> None:
    with pytest.raises(Exception) as failure:
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            _ = pipeline | beam.Create([1, 7]) | "Refuse" >> beam.Map(_refuse)
    lines = cause_of(failure.value).splitlines()
    assert lines[0] == "ValueError: bad row 7:"
    assert lines[1].startswith("it is seven")
    assert len(lines) == 2


def test_a_full_log_ends_no_run(tmp_path: Path) -> None:
    """What is written to /dev/full fails as on a full disk."""
    shown: list[str] = []
    environment = {**os.environ, launch.PRESET_VARIABLE: "no such preset"}
    status = launch.run_pipeline(environment, Path("/dev/full"), shown.append)
    text = "".join(shown)
    assert status == 2, text
    assert text.count("The log /dev/full ends here: No space left on device") == 1
    assert "Failed: " in text and "no such preset" in text
