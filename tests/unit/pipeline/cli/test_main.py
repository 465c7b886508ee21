"""All subcommands: their help and examples, and how fast the command starts."""

from __future__ import annotations

import importlib.metadata
import json
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from pipeline.cli.main import COMMANDS, PROGRAM, cli, main

PROJECT = Path(__file__).resolve().parents[4]
HEAVY = ["tensorflow", "apache_beam", "tfx", "kfp", "pyarrow", "ml_metadata", "matplotlib", "scipy"]


def _all(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yields the words of each command, of groups too."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            yield (*path, name)
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from _all(command, (*path, name))


def _parse(words: Sequence[str]) -> list[str]:
    """Reads a command line up to where the work begins; returns the names of its commands."""
    command: click.Command = cli
    names, rest = [PROGRAM], list(words)
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(click.Context(command), rest)
        assert name and found
        names.append(name)
        command = found
    command.make_context(names[-1], rest)
    return names[1:]


@pytest.mark.parametrize("path", [(), *_all(cli)], ids=" ".join)
def test_help_says_what_a_command_does_with_defaults_and_an_example_that_can_be_typed(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main([*path, "--help"]) == 0
    usage, *lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert usage.startswith(" ".join(["Usage: session-retrieval", *path]))
    assert re.fullmatch(r"[A-Z][^.]*\.", lines[0])
    (example,) = [line for line in lines if line.startswith("Example:")]
    words = shlex.split(example.partition(":")[2])
    assert words[0] == PROGRAM and tuple(words[1 : len(path) + 1]) == path
    assert tuple(_parse(words[1:]))[: len(path)] == path


def test_the_list_of_commands_cuts_no_sentence_short(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2  # as with any usage error, but the whole help is shown
    shown = capsys.readouterr()
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert "..." not in listed.partition("Commands:")[2]
    assert listed.strip() == shown.err.strip()


def test_an_options_default_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "--port NUMBER port of the REST API; 0 for a free one [default: 8501]",
        "[default: localhost]",
    ):
        assert words in text


def test_every_command_of_the_help_has_a_file_of_its_name() -> None:
    files = {file.stem for file in (PROJECT / "pipeline" / "cli" / "commands").glob("*.py")}
    assert files - {"__init__"} == set(COMMANDS)


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_slow(words: list[str]) -> None:
    program = (
        "import json, sys; from pipeline.cli.main import main; status = main(sys.argv[1:]); "
        "print(json.dumps([status, sorted(name for name in sys.modules if '.' not in name)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    status, imported = json.loads(done.stdout.splitlines()[-1])
    assert status == 0 and "pipeline" in imported
    assert not set(HEAVY) & set(imported)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["recomend"], "No such command 'recomend'"),
        (["recommend"], "Missing option '--items'"),
        (["recommend", "--items", "a", "--modle", "m"], "No such option"),
        (["recommend", "--items", "a", "-k", "x"], "'-k': must be between 1 and 100, got 'x'"),
        (["batch", "--sessions", "a", "--to", "b", "--shards", "0"], "between 1 and 4096, got '0'"),
        (["serve", "--model", "a", "--out", "b"], "--model and --out exclude each other"),
        (["submit", "run", "p.yaml", "--parameter", "epochs"], "must be NAME=VALUE, got 'epochs'"),
    ],
)
def test_a_command_line_that_is_not_usable_ends_with_status_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_setup_installs_the_command(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(tmp_path)],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (info,) = tmp_path.glob("*.egg-info")
    (entry,) = importlib.metadata.PathDistribution(info).entry_points
    assert (entry.group, entry.name, entry.load()) == ("console_scripts", PROGRAM, main)


def test_the_package_runs_as_the_command_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["cli", "check", "no-such-file.yaml"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("pipeline.cli", run_name="__main__")
    assert ended.value.code == 1
    assert "no-such-file.yaml: not usable" in capsys.readouterr().out


def test_an_interrupt_ends_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.cli.commands.check.check_files", interrupted)
    assert main(["check", "pipeline.yaml"]) == 130
    assert capsys.readouterr().err.strip() == "Stopped."
