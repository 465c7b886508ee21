"""The recipes of `deploy/` and docs/operations.md call commands that exist, with their options."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from pipeline.cli.main import cli
from pipeline.paths import PROJECT

UNITS = sorted((PROJECT / "deploy").glob("session-retrieval-day.*"))
DAG = PROJECT / "deploy" / "airflow_dag.py"
CALL = re.compile(r"environment\.py run session-retrieval ([^>;&|'\n]*)")
VALUE = re.compile(r"\$\(date [^)]*\)|\{\{.*?\}\}")  # of a shell, of Airflow


def _calls() -> list[str]:
    texts = [file.read_text("utf-8") for file in UNITS]
    dag = DAG.read_text("utf-8")
    (options,) = re.findall(r'^OPTIONS = "(.*)"$', dag, re.MULTILINE)
    joined = re.sub(r'"\s+f?"', "", dag).replace("{OPTIONS}", options)
    document = (PROJECT / "docs" / "operations.md").read_text("utf-8").partition("## Scheduling")[2]
    document = document.partition("\n## ")[0]
    texts = [VALUE.sub("2015-09-11", text) for text in (*texts, joined, document)]
    return [call for text in texts for call in CALL.findall(text)]


def test_there_are_recipes_for_cron_systemd_and_airflow() -> None:
    assert len(_calls()) == 4


@pytest.mark.parametrize("call", _calls())
def test_commands_of_recipes_are_accepted(call: str) -> None:
    name, *options = shlex.split(call.rstrip('",) \n'))
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    parsed = command.make_context(name, options).params
    assert parsed["wait"] and (parsed["date"] == "2015-09-11" or parsed["catch_up"])


def test_units_are_valid() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd")
    done = subprocess.run(
        ["systemd-analyze", "verify", *UNITS], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_missed_day_that_cannot_be_run_does_not_keep_yesterday_from_being_run() -> None:
    unit = (PROJECT / "deploy" / "session-retrieval-day.service").read_text("utf-8")
    catch_up, yesterday = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert catch_up.startswith("-") and "--catch-up" in catch_up
    assert not yesterday.startswith("-") and "--date" in yesterday


def test_every_recipe_is_documented() -> None:
    document = (PROJECT / "docs" / "operations.md").read_text("utf-8")
    for file in (UNITS[0], DAG):
        assert f"deploy/{Path(file).name}" in document
