#!/usr/bin/env python3
"""Lists the wheels that a machine without a network needs for `gpu.py`, or for the whole project.

    python benchmarks/gpu_wheels.py legacy                  # the table of docs/gpu.md
    python benchmarks/gpu_wheels.py current --python 3.12
    python benchmarks/gpu_wheels.py legacy --pins pins.txt  # also for pip and uv, with hashes
    python benchmarks/gpu_wheels.py legacy --whole          # what `make run` needs on a GPU

Versions are those of `requirements/STACK.txt`: uv resolves the requirements of setup.py, with its
extra `gpu`, under the lock's constraints for Linux x86-64, and the package index that is configured
for pip or uv names files and sizes. Nothing is downloaded, and every hash must be in the lock.
"""

from __future__ import annotations

import argparse
import re
import runpy
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from bootstrap.stacks import STACKS, VENVS, SetupError, Stack  # noqa: E402
from bootstrap.uv import install_uv  # noqa: E402

NEEDED = (
    *("numpy", "pyyaml", "scipy", "tensorboard", "tensorflow", "tensorflow-recommenders"),
    "tf-keras",
)
"""Packages of setup.py that `gpu.py` imports; the others come with them."""
_NAME = re.compile(r"[\w.-]+")
_PACKAGE = re.compile(r'^name = "(.+)"\nversion = "(.+)"$', re.MULTILINE)
_FILE = re.compile(r'url = "([^"]+)"[^}]*?size = (\d+), hashes = \{ sha256 = "(\w+)"')
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


class File(NamedTuple):
    """A file of a package that the index has.

    Attributes:
      package: name as the lock has it.
      version: its version.
      name: name of the file.
      size: bytes.
      sha256: hash of its content.
    """

    package: str
    version: str
    name: str
    size: int
    sha256: str

    @property
    def is_wheel(self) -> bool:
        """Whether it can be installed as it is; an archive of sources has to be built first."""
        return self.name.endswith(".whl")

    @property
    def pin(self) -> str:
        """The line of a requirements file that allows this file alone."""
        return f"{self.package}=={self.version} --hash=sha256:{self.sha256}"


def requirements(whole: bool) -> list[str]:
    """Returns requirements of setup.py: those of `gpu.py`, or all, with the extra `gpu`."""
    setup = runpy.run_path(str(PROJECT / "setup.py"), run_name="setup")
    named = [line for line in setup["INSTALL_REQUIRES"] if whole or _name(line) in NEEDED]
    return [*named, *setup["EXTRAS_REQUIRE"]["gpu"]]


def resolve(stack: Stack, python: str, whole: bool) -> str:
    """Returns the lock, as PEP 751 has it, of what is needed, with all files and their sizes.

    Raises:
      SetupError: uv fails.
    """
    VENVS.mkdir(exist_ok=True)  # where uv is installed, if it is not yet
    with tempfile.TemporaryDirectory() as folder:
        wanted, lock = Path(folder) / "wanted.in", Path(folder) / "pylock.toml"
        wanted.write_text("\n".join(requirements(whole)) + "\n", "utf-8")
        major, minor = stack.glibc
        platform = f"x86_64-manylinux_{major}_{minor}"
        command = ("pip", "compile", "--quiet", str(wanted), "--constraint", str(stack.lock))
        machine = ("--python-version", python, "--python-platform", platform)
        output = ("--format", "pylock.toml", "--output-file", str(lock))
        install_uv(stack).call(*command, *machine, *output, what="resolving")
        return lock.read_text("utf-8")


def chosen_files(lock: str, tags: Sequence[Tag]) -> Iterator[File]:
    """Yields the file of each package that pip would take: its best wheel, or else its sources.

    Args:
      lock: a lock as PEP 751 has it, as uv writes it.
      tags: what the machine can run, the best first.

    Raises:
      SetupError: a package has no file.
    """
    ranks = {tag: rank for rank, tag in enumerate(tags)}
    for part in lock.split("[[packages]]")[1:]:
        named = _PACKAGE.search(part)
        package, version = named.groups() if named else (part, "")
        files = [
            File(package, version, url.rpartition("/")[2], int(size), sha256)
            for url, size, sha256 in _FILE.findall(part)
        ]
        wheels = [(_rank(file, ranks), file) for file in files if file.is_wheel]
        suited = [(rank, file) for rank, file in wheels if rank is not None]
        sources = [(0, file) for file in files if not file.is_wheel]
        if not suited and not sources:
            raise SetupError(f"{package} {version} has no file for this machine")
        yield min(suited or sources)[1]


def machine_tags(python: str, glibc: tuple[int, int]) -> list[Tag]:
    """Returns what Linux on x86-64 can run, the best first.

    Args:
      python: version, such as `3.10`.
      glibc: version of the C library, whose first number is 2.
    """
    platforms = []
    for minor in range(glibc[1], 4, -1):
        platforms.append(f"manylinux_2_{minor}_x86_64")
        platforms += [f"{_OLD_NAMES[minor]}_x86_64"] if minor in _OLD_NAMES else []
    platforms.append("linux_x86_64")
    version = [int(part) for part in python.split(".")]
    own = cpython_tags(version, platforms=platforms)
    interpreter = f"cp{''.join(map(str, version))}"
    return [*own, *compatible_tags(version, interpreter, platforms)]


def unlocked(files: Iterable[File], lock: str) -> list[str]:
    """Returns the names of files whose hashes a lock does not have."""
    return [file.name for file in files if file.sha256 not in lock]


def table(files: Sequence[File]) -> list[str]:
    """Returns the lines of a Markdown table, the largest files first, and their sum."""
    ordered = sorted(files, key=lambda file: (-file.size, file.name))
    rows = [(f"`{file.name}`", f"{file.size / 2**20:.2f}") for file in ordered]
    total = sum(file.size for file in files) / 2**20
    rows = [("file", "MiB"), *rows, (f"**{len(files)} files**", f"**{total:,.0f}**")]
    lines = [f"| {name} | {size} |" for name, size in rows]
    return [lines[0], "|---|---:|", *lines[1:]]


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    return found[0].lower() if found else ""


def _rank(file: File, ranks: dict[Tag, int]) -> int | None:
    """Returns the rank of a wheel's best tag; None if the machine cannot run it."""
    found = [ranks[tag] for tag in parse_wheel_filename(file.name)[3] if tag in ranks]
    return min(found, default=None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table and writes the pins."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("stack", choices=STACKS)
    parser.add_argument("--python", help="version, the stack's newest by default")
    parser.add_argument("--whole", action="store_true", help="for the whole project")
    parser.add_argument("--pins", type=Path, help="requirements file to write, for pip and uv")
    options = parser.parse_args(arguments)
    stack = STACKS[options.stack]
    python = options.python or stack.pythons[0]
    if python not in stack.pythons:
        parser.error(f"the {stack.name} stack runs on {stack.wanted_python}, got {python}")
    try:
        lock = resolve(stack, python, options.whole)
        files = list(chosen_files(lock, machine_tags(python, stack.glibc)))
    except SetupError as error:
        sys.exit(f"Error: {error}")
    if strange := unlocked(files, stack.lock.read_text("utf-8")):
        sys.exit(f"Error: {stack.lock} does not have these files: {', '.join(strange)}")
    print("\n".join(table(files)))
    if options.pins:
        options.pins.write_text("".join(f"{file.pin}\n" for file in files), "utf-8")


if __name__ == "__main__":
    main()
