"""Imports go one way: modules <- components, serving <- pipeline <- runners, package by package."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.code_fingerprint import source_modules

PROJECT = Path(__file__).resolve().parents[2]
# Each layer may import those before it; so may each package of `modules`, and not one beside it.
LAYERS = ("modules", "components", "serving", "pipeline")
PACKAGES = (
    {"messages"},
    {"files"},
    {"daily"},
    {"config"},
    {"releases"},
    {"sessions"},
    {"row_formats"},
    {"ingest"},
    {"items"},
    {"data"},
    {"evaluation"},
    {"model", "baselines", "gate"},
    {"serving"},
    {"training", "ann", "copies", "cluster_jobs"},
)
# What TFX loads: it uses the packages, and they do not use it.
ENTRY_FILES = {"modules.preprocessing", "modules.trainer", "modules.tuner"}
MOST_FILES = 16  # of one folder of `modules`: more than one can take in at a glance
RUNNERS = ("local_runner", "environment", "setup")
# Their tests take milliseconds, and neither a worker's start nor a check of the config waits.
LIGHT = ("config", "sessions.sessions", "evaluation.metrics", "baselines")
HEAVY = {"tensorflow", "apache_beam", "tfx", "tf_keras", "keras", "tensorflow_recommenders"}
# What containers and people call, though it lies in a package.
READ_THE_ENVIRONMENT = {
    "modules/__init__.py",  # sets TF_USE_LEGACY_KERAS, for Beam's workers too
    "modules/training/workers.py",  # TF_CONFIG, which is how TensorFlow names workers
    "modules/training/local_workers.py",  # sets it
    "pipeline/cluster/entrypoint.py",
    "pipeline/cluster/emulator/launcher.py",
}


def _imports(file: Path, top_level_only: bool = False) -> set[str]:
    """Returns every absolute name that a source imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level and node.module, f"{file}: imports are absolute"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _sources(layer: str) -> list[Path]:
    return sorted((PROJECT / layer).rglob("*.py"))


def _ids(file: Path) -> str:
    return str(file.relative_to(PROJECT))


def _packages(names: set[str], layer: str) -> set[str]:
    """Returns the folders of a layer that imported names lie in."""
    parts = [name.split(".") for name in names if name.startswith(f"{layer}.")]
    return {part[1] for part in parts if (PROJECT / layer / part[1]).is_dir()}


@pytest.mark.parametrize("file", [file for layer in LAYERS for file in _sources(layer)], ids=_ids)
def test_a_layer_imports_no_layer_above_it(file: Path) -> None:
    layer = file.relative_to(PROJECT).parts[0]
    above = {*LAYERS[LAYERS.index(layer) + 1 :], *RUNNERS, "tests", "benchmarks"}
    if layer == "serving":
        above.add("components")
    assert not {name.split(".")[0] for name in _imports(file)} & above


@pytest.mark.parametrize("file", sorted((PROJECT / "modules").glob("*/**/*.py")), ids=_ids)
def test_a_package_of_modules_imports_packages_below_it(file: Path) -> None:
    package = file.relative_to(PROJECT / "modules").parts[0]
    (level,) = [number for number, packages in enumerate(PACKAGES) if package in packages]
    below = set().union(*PACKAGES[:level])
    imports = _imports(file)
    assert _packages(imports, "modules") <= {*below, package}
    assert not imports & ENTRY_FILES


def test_no_package_of_modules_is_crowded() -> None:
    packages = {file.parent.name for file in (PROJECT / "modules").glob("*/__init__.py")}
    assert packages == set().union(*PACKAGES)
    folders = [file.parent for file in (PROJECT / "modules").glob("*/**/__init__.py")]
    files = {folder: len(list(folder.glob("[!_]*.py"))) for folder in folders}
    assert not {folder: number for folder, number in files.items() if number > MOST_FILES}


@pytest.mark.parametrize("file", _sources("components"), ids=_ids)
def test_a_component_imports_no_other(file: Path) -> None:
    node = file.relative_to(PROJECT / "components").parts[0]
    assert _packages(_imports(file), "components") <= {node}


@pytest.mark.parametrize("file", _sources("pipeline"), ids=_ids)
def test_commands_are_imported_by_no_other_part_of_the_pipeline(file: Path) -> None:
    if not file.is_relative_to(PROJECT / "pipeline" / "cli"):
        assert "cli" not in _packages(_imports(file), "pipeline")


@pytest.mark.parametrize("file", _sources("kubeflow"), ids=_ids)
def test_kubeflow_holds_thin_scripts(file: Path) -> None:
    definitions = (ast.FunctionDef, ast.ClassDef)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert sum(isinstance(node, definitions) for node in ast.walk(tree)) <= 2


@pytest.mark.parametrize("file", _sources("bootstrap"), ids=_ids)
def test_the_set_up_imports_nothing_of_the_project(file: Path) -> None:
    assert not {name.split(".")[0] for name in _imports(file)} & {*LAYERS, *RUNNERS, "setup"}


@pytest.mark.parametrize("file", sorted(PROJECT.glob("*.py")), ids=_ids)
def test_runners_do_not_import_each_other(file: Path) -> None:
    assert not _imports(file) & {*RUNNERS, "tests", "benchmarks"}


def _closure(waiting: set[str]) -> set[str]:
    """Returns everything that modules import, project modules followed."""
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        file = PROJECT.joinpath(*name.split(".")).with_suffix(".py")
        if file.is_file():
            waiting |= _imports(file) - found
    return found


@pytest.mark.parametrize("module", LIGHT)
def test_pure_modules_need_neither_tensorflow_nor_beam(module: str) -> None:
    path = PROJECT.joinpath("modules", *module.split("."))
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    names = {".".join(file.relative_to(PROJECT).with_suffix("").parts) for file in files}
    assert names and all(file.is_file() for file in files)
    assert not {name.split(".")[0] for name in _closure(names)} & HEAVY


def test_defining_the_pipeline_imports_no_model() -> None:
    """TFX's command line, which defines it, has imported TensorFlow with Keras 3 by then."""
    names = source_modules("pipeline.pipeline")
    assert "components.serving_validator.node" in names
    assert "modules.model.two_tower" not in names
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


@pytest.mark.parametrize("file", [PROJECT / "local_runner.py", *_sources("pipeline/cli")], ids=_ids)
def test_a_runner_starts_quickly(file: Path) -> None:
    assert not {name.split(".")[0] for name in _imports(file, top_level_only=True)} & HEAVY


@pytest.mark.parametrize("file", [f for layer in LAYERS for f in _sources(layer)], ids=_ids)
def test_only_runners_read_the_environment(file: Path) -> None:
    if _ids(file) in READ_THE_ENVIRONMENT or file.is_relative_to(PROJECT / "pipeline" / "cli"):
        return
    readers = {
        node.attr
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    assert not readers
