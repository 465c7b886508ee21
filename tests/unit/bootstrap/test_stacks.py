"""The stacks, and the Python that each one gets."""

import os
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

import environment
from bootstrap import stacks
from bootstrap.stacks import STACKS

LEGACY = STACKS["legacy"]


@pytest.fixture
def only_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let Pythons be found nowhere but in tmp_path/first, tmp_path/second and tmp_path/pyenv."""
    path = [str(tmp_path / "first"), str(tmp_path / "second")]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    return tmp_path


def answers(version: str, headers: bool = True) -> str:
    """Return the body of a script that answers the probe like a Python of this version."""
    return f"printf '%s\\n' {version} $0 {headers}"


def test_python_skips_a_shim_that_fails(only_here: Path, program: Callable[..., Path]) -> None:
    shim = program("first/python3.10", "echo 'pyenv: python3.10: command not found' >&2; exit 127")
    real = program("second/python3.10", answers("3.10"))

    found, problems = stacks.find_python(LEGACY)

    assert found == str(real)
    assert problems == [f"{shim} does not run: pyenv: python3.10: command not found"]


def test_python_is_looked_for_in_pyenv_newest_patch_first(
    only_here: Path, program: Callable[..., Path]
) -> None:
    for version in ("3.10.9", "3.10.13", "3.11.2"):
        program(f"pyenv/versions/{version}/bin/python", answers(version.rpartition(".")[0]))
    (only_here / "pyenv/versions/3.10-dev").mkdir()

    found, _ = stacks.find_python(LEGACY)

    assert found == str(only_here / "pyenv/versions/3.10.13/bin/python")


def test_the_python_that_make_names_comes_first(
    only_here: Path, program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("first/python3.10", answers("3.10"))
    told = program("elsewhere/python", answers("3.10"))
    monkeypatch.setattr(sys, "executable", str(told))

    assert stacks.find_python(LEGACY) == (str(told), [])


def test_python3_counts_where_its_version_fits(
    only_here: Path, program: Callable[..., Path]
) -> None:
    program("first/python3", answers("3.9"))
    fits = program("second/python3", answers("3.12"))

    assert stacks.find_python(STACKS["current"]) == (str(fits), [])


def test_the_python_of_an_environment_is_the_one_that_it_was_made_of(tmp_path: Path) -> None:
    """An environment that is active when it is made again would else be made of itself."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    found, _ = stacks.examine(
        tmp_path / "env" / "bin" / "python", ".".join(map(str, sys.version_info[:2]))
    )
    assert found == os.path.realpath(sys.executable)


def test_python_without_headers_is_refused_with_the_package_to_install(
    only_here: Path, program: Callable[..., Path]
) -> None:
    program("first/python3.10", answers("3.10", headers=False))

    found, problems = stacks.find_python(LEGACY)

    assert found == ""
    assert len(problems) == 1
    assert "install python3.10-dev" in problems[0]


def test_a_system_too_old_for_a_stack_is_refused() -> None:
    assert "needs glibc 99.1" in stacks.unsupported(LEGACY._replace(glibc=(99, 1)))


def test_an_unknown_stack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK", "newest")

    with pytest.raises(stacks.SetupError, match="STACK=newest is not known: use current or legacy"):
        environment.ensure(set())
