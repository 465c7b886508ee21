"""The Dockerfile: hadolint has nothing to say, and it copies only what the build context has."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.beam.preset_files import load_beam_preset

PROJECT = Path(__file__).resolve().parents[3]
DOCKERFILE = PROJECT / "kubeflow" / "Dockerfile"
TEXT = DOCKERFILE.read_text("utf-8")


def _copied() -> list[str]:
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", TEXT, re.MULTILINE)
    return [word for line in lines for word in line.split()]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not in this environment: make env")
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_what_is_copied_is_there_and_in_the_build_context() -> None:
    ignore = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignore
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    assert set(_copied()) == allowed
    assert all((PROJECT / name).exists() for name in allowed)


def _imported(file: Path) -> set[str]:
    """Returns the first names of all modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_all_that_the_copied_code_imports_of_the_project_is_copied_too() -> None:
    base = TEXT.partition("AS base")[2]
    copied = re.findall(r"^COPY (?!--from)(\S+) \./\S*$", base, re.MULTILINE)
    assert {"modules", "components", "pipeline", "kubeflow"} <= set(copied)
    files = [file for name in copied for file in (PROJECT / name).rglob("*.py")]
    files += [PROJECT / name for name in copied if name.endswith(".py")]
    own = {file.stem for file in PROJECT.glob("*.py")}
    own |= {file.parent.name for file in PROJECT.glob("*/*.py")}
    needed = {name: file for file in files for name in _imported(file) & own}
    present = {name.removesuffix(".py") for name in copied}
    assert {name: str(file) for name, file in needed.items() if name not in present} == {}


def test_the_project_runs_as_a_numbered_user_from_its_working_directory() -> None:
    assert re.search(r"^USER \d+$", TEXT, re.MULTILINE)
    assert "WORKDIR /app" in TEXT and "PYTHONPATH=/app" in TEXT


def test_versions_are_those_of_the_lock() -> None:
    lock = (PROJECT / "requirements" / "current.txt").read_text("utf-8")
    (beam,) = re.findall(r"^apache-beam(?:\[.*\])?==(\S+)", lock, re.MULTILINE)
    assert f"apache/beam_python3.13_sdk:{beam}\n" in TEXT


def test_packages_are_installed_before_the_code_is_copied() -> None:
    assert TEXT.index("environment.py setup") < TEXT.index("COPY modules")
    assert "COPY --from=build /app/.venv" in TEXT and "g++" not in TEXT.partition("AS base")[2]


def test_dataflow_gets_the_image_that_its_workers_can_start() -> None:
    assert "AS dataflow" in TEXT
    assert TEXT.rstrip().endswith("FROM base AS pipeline")
    assert any(flag.endswith("-dataflow") for flag in load_beam_preset("dataflow").flags)
