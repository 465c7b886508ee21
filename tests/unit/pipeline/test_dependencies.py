"""Imports go one way: modules <- components <- pipeline <- serving <- runners."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.source_digest import source_modules

PROJECT = Path(__file__).resolve().parents[3]
LAYERS = ("modules", "components", "pipeline", "serving")
RUNNERS = ("run", "local_runner", "recommend", "batch_recommend", "demo", "renew_index")
# Their tests take milliseconds, and neither a worker's start nor a check of the config waits.
LIGHT = ("configuration", "sessions", "metrics", "baselines")
HEAVY = {"tensorflow", "apache_beam", "tfx", "tf_keras", "keras", "tensorflow_recommenders"}


def _imports(file: Path, top_level_only: bool = False) -> set[str]:
    """Returns the first two parts of every absolute name that a source imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {".".join(name.split(".")[:2]) for name in names}


def _sources(layer: str) -> list[Path]:
    return sorted((PROJECT / layer).rglob("*.py"))


def _ids(file: Path) -> str:
    return str(file.relative_to(PROJECT))


@pytest.mark.parametrize("file", [file for layer in LAYERS for file in _sources(layer)], ids=_ids)
def test_a_layer_imports_no_layer_above_it(file: Path) -> None:
    layer = file.relative_to(PROJECT).parts[0]
    above = {*LAYERS[LAYERS.index(layer) + 1 :], *RUNNERS, "tests", "benchmarks"}
    assert not {name.split(".")[0] for name in _imports(file)} & above


@pytest.mark.parametrize("file", sorted(PROJECT.glob("*.py")), ids=_ids)
def test_runners_do_not_import_each_other(file: Path) -> None:
    assert not _imports(file) & {*RUNNERS, "tests", "benchmarks"}


def _closure(module: str) -> set[str]:
    """Returns everything that `modules.{module}` imports, project modules followed."""
    found, waiting = set(), {f"modules.{module}"}
    while waiting:
        name = waiting.pop()
        found.add(name)
        file = PROJECT.joinpath(*name.split(".")).with_suffix(".py")
        if file.is_file():
            waiting |= _imports(file) - found
    return found


@pytest.mark.parametrize("module", LIGHT)
def test_pure_modules_need_neither_tensorflow_nor_beam(module: str) -> None:
    assert (PROJECT / "modules" / f"{module}.py").is_file()
    assert not {name.split(".")[0] for name in _closure(module)} & HEAVY


def test_defining_the_pipeline_imports_no_model() -> None:
    """TFX's command line, which defines it, has imported TensorFlow with Keras 3 by then."""
    names = source_modules("pipeline.pipeline")
    assert "components.serving_validator.executor" in names
    assert "modules.model" not in names
    files = [PROJECT.joinpath(*name.split(".")) for name in names]
    sources = [file / "__init__.py" if file.is_dir() else file.with_suffix(".py") for file in files]
    imported = {name.split(".")[0] for source in sources for name in _imports(source)}
    assert "tfx" in imported
    assert not imported & {"tensorflow_recommenders", "tf_keras", "keras", "keras_tuner"}


def test_keras_2_is_chosen_whatever_the_shell_says() -> None:
    program = "import os, modules; print(os.environ['TF_USE_LEGACY_KERAS'])"
    shell = {**os.environ, "TF_USE_LEGACY_KERAS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=shell, capture_output=True, text=True
    )
    assert done.stdout == "1\n"


@pytest.mark.parametrize("runner", ["run", "recommend", "batch_recommend", "demo", "renew_index"])
def test_a_runner_starts_quickly(runner: str) -> None:
    file = PROJECT / f"{runner}.py"
    assert not {name.split(".")[0] for name in _imports(file, top_level_only=True)} & HEAVY


@pytest.mark.parametrize("file", [f for layer in LAYERS for f in _sources(layer)], ids=_ids)
def test_only_runners_read_the_environment(file: Path) -> None:
    if file == PROJECT / "modules" / "__init__.py":
        return  # sets TF_USE_LEGACY_KERAS, for Beam's workers too
    readers = {
        node.attr
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert not readers
