"""Every command of the documents is typed by a test, or its options are read as typed, or neither.

Who adds one to a document finds it refused here until it is in one of the three lists.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modules.sessions.click_header import read_header
from modules.sessions.click_log import parse_rows
from pipeline.beam.preset_files import BEAM_PRESETS
from pipeline.cli.commands import day, run
from pipeline.config import Config, load_config
from pipeline.data_files import DataPaths
from tests.documents import PROJECT, Command, commands, commands_of

OWN_DATA = PROJECT / "docs" / "own-data.md"
CALLS = "tests/integration/test_documented_calls.py::"
# Typed, with data of the test's own: how a command begins -> the test.
TYPED = {
    "export SESSION_RETRIEVAL_": "tests/e2e/test_pipeline.py::second",
    "tfx ": "tests/e2e/test_pipeline.py::second",
    "curl ": f"{CALLS}test_curl",
    ". .venv/": "tests/unit/test_documented_commands.py::test_an_activated_environment_has_python",
    "session-retrieval serve": "tests/integration/test_local_server.py::"
    "test_one_command_serves_and_ends",
    "session-retrieval recommend ": f"{CALLS}test_scripts_do_as_documented",
    "session-retrieval batch ": f"{CALLS}test_scripts_do_as_documented",
    "session-retrieval refresh --items": f"{CALLS}test_scripts_do_as_documented",
    "session-retrieval refresh --sessions": "tests/integration/test_click_refresh.py::"
    "test_new_items_are_answered_with_lineage_and_the_base_stays",
    "session-retrieval refresh --requests": "tests/integration/test_click_refresh.py::"
    "test_the_request_log_of_the_server_is_a_source",
    "session-retrieval compile ": f"{CALLS}test_compiles_as_documented",
    "session-retrieval releases": "tests/unit/pipeline/cli/commands/test_releases.py::"
    "test_a_rollback_is_said_with_its_reason_and_changes_what_serves",
    "session-retrieval forget": "tests/unit/pipeline/cli/commands/test_forget.py::"
    "test_counts_are_printed_with_what_is_left_to_do",
    "session-retrieval clean": "tests/unit/pipeline/cli/commands/test_clean.py::"
    "test_what_would_be_removed_is_listed_and_then_removed",
    "session-retrieval monitor": "tests/unit/pipeline/cli/commands/test_monitor.py::"
    "test_a_worse_canary_ends_with_status_6_and_an_event",
    "session-retrieval report": "tests/unit/pipeline/cli/commands/test_report.py::"
    "test_the_newest_run_of_all_is_shown_unless_one_is_named",
    "session-retrieval history": "tests/unit/pipeline/cli/commands/test_history.py::"
    "test_runs_are_listed_from_their_folders_and_damaged_ones_named",
}
# Not run, but read up to where the work begins, by tests below and by
# test_documented_calls.py::test_scripts_read_the_documented_options: how one begins -> why not run.
READ = {
    "make run": "a whole run; `.ci/fresh-clone.sh` types the README's, tests/e2e calls the command",
    "session-retrieval run": "the same",
    "session-retrieval day": "some whole runs; tests/e2e/test_days.py makes them",
    "SET=": "the same: values of `make run`",
    "make ": "tests, checks of style and set-ups, which CI makes",
    "python environment.py ": "it installs packages",
    "python benchmarks/": "minutes of training and measuring",
    "python kubeflow/update_golden.py ": "it writes into the checkout",
    "python kubeflow/run_locally.py ": "a whole run; tests/e2e/test_kubeflow.py makes one",
    "session-retrieval submit ": "it needs a cluster; test_kubeflow_submit.py plays its API",
}
# Neither: how a command begins -> why.
NOT_HERE = {
    "docker ": "it needs a container engine",
    "OUT=output/sample docker ": "it needs a container engine",
    "podman ": "it needs a container engine",
    "/kaniko/executor ": "it runs in a container of its own",
    "kubectl ": "it needs a cluster",
    "30 3-12 * * * ": "it needs cron; tests/unit/test_deploy.py reads its options",
    "sudo sh .ci/debian13.sh ": "it needs root, and downloads a system",
    "export FLINK_HOME=": "it needs Flink and Beam's job server",
    "export JOB_SERVER_JAR=": "the same",
    "sh deploy/flink/": "the same; test_portable_runners.py types them where both are set",
    "bq ": "it needs a project in Google Cloud",
    "gcloud ": "it needs a project in Google Cloud",
    "kcat ": "it needs a broker of Kafka",
    "pip download ": "it downloads gigabytes",
    "uv ": "it installs what that downloads",
    "gpu/bin/python ": "it needs what that installs, and a GPU",
}
ALL = [command.text for command in commands()]
MAKE = [text for text in ALL if text.startswith("make ") and not text.startswith("make run")]
RUNS = [text for text in ALL if text.startswith("make run")]


def test_every_command_is_on_one_of_the_lists() -> None:
    known = (*TYPED, *READ, *NOT_HERE)
    assert [text for text in ALL if not text.startswith(known)] == []
    assert [start for start in known if not any(text.startswith(start) for text in ALL)] == []


@pytest.mark.parametrize("language", ["", "sh", "bash", "shell"])
def test_commands_are_found_wherever_a_document_has_them(language: str) -> None:
    text = f"""With ``a ` in it`` type `. .venv/legacy/bin/activate` or `source x`, or

```{language}
make run  # a comment
python3 environment.py run session-retrieval run --out x
```

```text
make no command
```
"""
    assert [command.text for command in commands_of("x.md", text)] == [
        *(". .venv/legacy/bin/activate", "source x", "make run", "session-retrieval run --out x")
    ]


def _listed(checkout: Path) -> dict[str, str]:
    """Returns the README's commands, and why one is not typed in a fresh clone."""
    done = subprocess.run(
        ["sh", str(checkout / ".ci" / "fresh-clone.sh"), "list"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = (line.partition("  # not typed: ") for line in done.stdout.splitlines())
    return {command: reason for command, _, reason in lines}


def test_a_fresh_clone_types_the_readme_but_for_a_short_list() -> None:
    listed = _listed(PROJECT)
    names = [command.text for command in commands() if command.document == "README.md"]
    assert len(listed) == len(names)
    script = (PROJECT / ".ci" / "fresh-clone.sh").read_text("utf-8")
    exceptions = re.findall(r'^    "(.*)"\) echo "', script, re.MULTILINE)
    assert [command for command, reason in listed.items() if reason] == exceptions


def test_a_new_command_of_the_readme_is_typed_in_a_fresh_clone(tmp_path: Path) -> None:
    for name in (".ci/fresh-clone.sh", "tests/documents.py", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    with (tmp_path / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("Or type `make run SET=trainer.seed=8`.\n")
    assert list(_listed(tmp_path).items())[-1] == ("make run SET=trainer.seed=8", "")


def test_an_activated_environment_has_python() -> None:
    """Of those that set-ups make, this environment's own name takes the place of the document's."""
    (text,) = {text for text in ALL if text.startswith(". ")}
    activate = re.sub(r"\.venv/\w+", sys.prefix, text.partition(" ")[2])
    if not Path(activate).is_file():
        pytest.skip(f"{sys.prefix} is no virtual environment")
    done = subprocess.run(
        ["sh", "-e", "-c", f". '{activate}'; command -v python"],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.strip() == f"{sys.prefix}/bin/python"


@pytest.mark.parametrize("test", sorted(set(TYPED.values())))
def test_the_tests_that_type_commands_are_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"\ndef {name}(" in (PROJECT / file).read_text("utf-8")


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.text[:40])
def test_files_of_the_checkout_that_a_command_names_are_there(command: Command) -> None:
    named = [
        word
        for word in command.words
        if re.match(r"(kubeflow|benchmarks|deploy|\.ci)/|\w+\.py", word)
    ]
    assert [word for word in named if not (PROJECT / word).is_file()] == []


@pytest.mark.parametrize("text", MAKE)
def test_make_knows_its_targets(text: str) -> None:
    """`make -n` prints what it would call, and fails where a target is not known."""
    words = Command("", text).words
    done = subprocess.run(
        ["make", "-n", *words[1:]], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def _called(text: str, folder: Path, command: str = "run") -> list[str]:
    """Returns the arguments that a target calls its command of `session-retrieval` with."""
    echo = folder / "echo"
    script = "import json, sys; print(json.dumps(sys.argv[1:]))"
    echo.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{script}' \"$@\"\n")
    echo.chmod(0o755)
    # The tests may run below another make, whose flags would make this one talk.
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS", "STACK")
    done = subprocess.run(
        ["sh", "-e", "-c", f"{text} PYTHON={echo}"],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if name not in outer},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    words: list[str] = json.loads(done.stdout)
    assert words[:4] == ["environment.py", "run", "session-retrieval", command]
    return words[4:]


def _write_log(file: Path, item_column: str) -> None:
    """Writes two sessions that no other file has; those of a test come after those of training."""
    file.parent.mkdir(parents=True, exist_ok=True)
    begin = 1442004589 + 86_400 * any(word in file.name for word in ("test", "week-40"))
    rows = "".join(
        f"{file.name}-{session}\t{item}\t{begin + session}\n" for session in (1, 2) for item in "ab"
    )
    with (gzip.open if file.suffix == ".gz" else open)(file, "wt", encoding="utf-8") as log:
        log.write(f"SessionId\t{item_column}\tTime\n{rows}")


def _text_with(column: str) -> str:
    """Returns the file with a column that a document shows."""
    texts = re.findall(
        r"^```(?:text|csv)\n(.*?)^```$", OWN_DATA.read_text("utf-8"), re.DOTALL | re.M
    )
    (found,) = (text for text in texts if column in text)
    return str(found)


def _configured(arguments: list[str], folder: Path) -> Config:
    """Returns what would run, with files in place of those that the document means."""
    words = [word.replace("/folder", f"{folder}/data") for word in arguments]
    options = run.command.make_context("run", words).params
    column = "sku" if "item_column=sku" in " ".join(options["overrides"]) else "ItemId"
    (folder / "catalogue.csv").write_text(_text_with("department"), "utf-8")
    (folder / "my.yaml").write_text("data: {train: train.tsv, test: test.tsv}\n", "utf-8")
    wanted = [options["train"], options["eval"], options["test"], "train.tsv", "test.tsv"]
    if options["data"]:
        preset = (PROJECT / "pipeline" / "presets" / f"{options['preset']}.yaml").read_text("utf-8")
        wanted += [f"data/{name}" for name in re.findall(r"^  (?:train|test): (.*)$", preset, re.M)]
    for name in filter(None, wanted):
        _write_log(folder / name.replace("*", "1"), column)
    paths = DataPaths(*(options[name] for name in ("data", "train", "eval", "test")))
    named = {name: options[name] for name in ("preset", "overrides", "out", "beam")}
    if "." in (options["beam"] or ""):  # a file of the reader's own
        (folder / options["beam"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BEAM_PRESETS / "flink.yaml", folder / options["beam"])
    return run.configure(paths=paths, **named)[0]


@pytest.mark.parametrize("text", RUNS)
def test_make_run_takes_what_is_typed(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = _called(text, tmp_path)
    assert len(arguments) == 2 * (len(Command("", text).words) - 2)
    _configured(arguments, tmp_path)


def test_a_file_with_other_columns_is_read_as_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = _text_with("clicked_at")
    (command,) = (text for text in RUNS if "sessions.session_column" in text)
    options = _configured(_called(command, tmp_path), tmp_path).sessions
    header, _, rows = log.encode().partition(b"\n")
    columns = read_header(header, "shop.csv", options)
    found = parse_rows(rows, 0, columns, options.time_unit)
    assert not found.rejects
    assert list(zip(found.session_ids, found.item_ids, strict=True)) == [
        *((b"v1", b"shoe-7"), (b"v1", b"shoe-9"), (b"v2", b"belt-2"))
    ]
    seconds = [(time - found.times[0]) / 1000 for time in found.times]
    assert seconds == [0, 90, 12]


@pytest.mark.parametrize("text", [text for text in ALL if text.startswith("make day")])
def test_make_day_takes_what_is_typed(text: str, tmp_path: Path) -> None:
    words = _called(text, tmp_path, "day")
    options = day.command.make_context("day", words).params
    given = {word.partition("=")[2].strip("'") for word in Command("", text).words[2:]}
    assert given <= set(options.values())


@pytest.mark.parametrize("text", [text for text in ALL if text.startswith("SET=")])
def test_overrides_change_what_they_name(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _write_log(tmp_path / "my shop.tsv", "ItemId")
    config = _configured(_called(f"make run {text}", tmp_path), tmp_path)
    assert config != load_config("sample")
