"""The two stacks, and the search for a Python on this machine that can run one."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venv"
STAMP = "session-retrieval.json"
# Prints version, path (of the base interpreter, where this is a virtual environment's), and whether
# C headers are there.
PROBE = """import os, sys, sysconfig
print("%d.%d" % sys.version_info[:2])
print(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))
print(os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")))"""


class SetupError(Exception):
    """There is no environment; the message says why and how to fix it."""


class Stack(NamedTuple):
    """A set of versions, and what it needs of the machine."""

    name: str
    tfx: str
    pythons: tuple[str, ...]
    glibc: tuple[int, int]
    how_to_install: str
    lock_options: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Returns the environment's folder."""
        return VENVS / self.name

    @property
    def python(self) -> Path:
        """Returns the environment's interpreter."""
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """Returns the file that is written when the environment is whole."""
        return self.folder / STAMP

    @property
    def lock(self) -> Path:
        """Returns the file that pins every package of the stack."""
        return ROOT / "requirements" / f"{self.name}.txt"

    @property
    def wanted_python(self) -> str:
        """Returns the Python versions in words."""
        return "Python " + " or ".join(self.pythons)


STACKS = {
    "current": Stack(
        name="current",
        tfx="TFX 1.21",
        pythons=("3.13", "3.12", "3.11"),
        glibc=(2, 39),
        how_to_install="`apt install python3-dev` (Debian 13, Ubuntu 24.04), `pyenv install 3.13`",
        lock_options=("--python-version", "3.11", "--universal"),
    ),
    "legacy": Stack(
        name="legacy",
        tfx="TFX 1.16",
        pythons=("3.10",),
        glibc=(2, 28),
        how_to_install="`apt install python3.10-dev` (Ubuntu 22.04), `pyenv install 3.10`",
        lock_options=("--python-version", "3.10", "--python-platform", "x86_64-manylinux_2_28"),
    ),
}


def unsupported(stack: Stack) -> str:
    """Returns why this machine cannot run the stack, "" if it can."""
    here = f"{sys.platform} {platform.machine()}"
    if here != "linux x86_64":
        return f"its packages exist for Linux on x86-64 only, this is {here}: use a container"
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or "another C library"
    except (OSError, ValueError):
        libc = "another C library"
    if tuple(int(part) for part in re.findall(r"\d+", libc)[:2]) < stack.glibc:
        need = ".".join(map(str, stack.glibc))
        fix = "`sh .ci/debian13.sh COMMAND` runs it here in a Debian 13 root"
        return f"it needs glibc {need} or newer, this system has {libc} ({fix})"
    return ""


def check_own(folder: Path) -> None:
    """Checks that neither VENVS nor a folder in it is a link to another checkout's environment.

    That environment runs the other checkout's code, and rebuilding it here would break it there. A
    link to a folder of this checkout alone, such as one on another disk, is allowed.

    Raises:
        SetupError: If it is, or if its owner is unknown; says how to fix it.
    """
    places = (VENVS, folder)
    if in_the_way := [path for path in places if path.is_file() and not path.is_symlink()]:
        raise SetupError(
            f"{in_the_way[0]} is a file in the place of a folder of environments. Move it away and "
            "run the same command."
        )
    links = [path for path in places if path.is_symlink()]
    if not links:
        return
    for link in links:
        if problem := _no_folder(Path(os.path.realpath(link))):
            raise _refusal(link, problem)
    if problem := _not_own(folder, Path(os.path.realpath(folder)), links[-1] == folder):
        raise _refusal(links[-1], problem)


def _refusal(link: Path, problem: str) -> SetupError:
    return SetupError(
        f"{link} is a link to {os.path.realpath(link)}, {problem}. Remove the link (`rm {link}`) "
        "and run the same command: it makes an environment for this checkout."
    )


def _no_folder(real: Path) -> str:
    if real.is_dir():
        return ""
    return "which is not a folder" if real.exists() else "which does not exist"


def _not_own(folder: Path, real: Path, is_link: bool) -> str:
    """Returns why a folder that is reached through a link is not this checkout's, "" if it is."""
    for place in (*_targets(VENVS), *_targets(folder), real):
        checkouts = (path for path in place.parents if (path / "bootstrap/stacks.py").is_file())
        checkout = next(checkouts, ROOT)
        if checkout.resolve() != ROOT:
            return f"the environment of another checkout, {checkout}"
    maker = None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        maker = str(json.loads((real / STAMP).read_text("utf-8"))["folder"])
    if maker not in (None, str(folder)):
        with contextlib.suppress(OSError):
            if os.path.samefile(str(maker), folder):
                return f"the environment of another checkout, made as {maker}"
    if maker is None and is_link and folder != VENVS and any(real.iterdir()):
        return "which does not contain an environment of this project"
    return ""


def _targets(path: Path) -> Iterator[Path]:
    """Yields the target of a link, and the target of that if it is a link too."""
    for _ in range(40):  # as deep as Linux follows
        if not path.is_symlink():
            return
        path = Path(os.path.normpath(path.parent / os.readlink(path)))
        yield path


def candidates(version: str) -> Iterator[Path]:
    """Yields where Python `version` ("3.10") may be: this one, on PATH, in pyenv's folder."""
    if Path(sys.executable).is_file():
        yield Path(sys.executable)
    path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for name in (f"python{version}", "python3"):
        yield from (folder / name for folder in path if (folder / name).is_file())
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    patch = len(version) + 1
    found = [folder for folder in pyenv.glob(f"{version}.*") if folder.name[patch:].isdigit()]
    for folder in sorted(found, key=lambda folder: int(folder.name[patch:]), reverse=True):
        yield folder / "bin" / "python"


def examine(python: Path, version: str) -> tuple[str, str]:
    """Runs an interpreter; returns its path, "" if it is not usable, and what is wrong with it.

    A file named python3.10 proves nothing: pyenv has one on PATH for every version, and those of
    versions that are not active fail. Another version behind "python3" is not an error.
    """
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", PROBE], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"{python} does not run: {error}"
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != 3:
        reason = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[0]
        return "", f"{python} does not run: {reason}"
    if lines[0] != version:
        return "", ""
    if lines[2] != "True":
        return "", f"{python} lacks Python.h, which one package needs: install python{version}-dev"
    return lines[1], ""


def find_python(stack: Stack) -> tuple[str, list[str]]:
    """Returns the path of a Python for the stack ("" if none), and problems of those tried."""
    problems: list[str] = []
    for version in stack.pythons:
        for candidate in candidates(version):
            found, problem = examine(candidate, version)
            if found:
                return found, problems
            problems += [problem] if problem else []
    return "", list(dict.fromkeys(problems))
