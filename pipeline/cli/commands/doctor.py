"""`session-retrieval doctor`: what is installed, what is missing, and how to fix it.

Except click, it imports nothing that needs a package which may be missing.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from modules.files.folders import FolderError, local_path
from modules.messages.exit_status import describe_exit
from pipeline.paths import PROJECT, package_metadata

FEATURES = {
    "kubeflow": "compiling, checking and submitting for a cluster",
    "ann": "the approximate index, index.kind=pq",
    "gpu": "training on NVIDIA GPUs",
    "dev": "make test, make lint, make types",
    "docs": "make docs",
}
_SETUP = "python3 environment.py setup"
_AGAIN = f"make clean-env; {_SETUP}"
_FREE = 1 << 30  # bytes; a run of the sample writes a tenth of it, a set-up ten times as much
_PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)
_TIMEOUT = 300
# What a run imports before its first node; the last line prints the devices.
_IMPORTS = """
import gc, json
gc.disable()  # imports make no garbage
import modules
from tfx.orchestration.local import local_dag_runner
import tensorflow as tf
names = [device.name for device in tf.config.list_physical_devices()]
print(json.dumps([name.partition("device:")[2] for name in names]))
"""


class Problem(NamedTuple):
    """A reason why runs do not work, and how to fix it."""

    what: str
    fix: str


class Part(NamedTuple):
    """One part of the report."""

    name: str
    lines: list[str]
    problems: list[Problem]


@click.command(epilog="\b\nExample: session-retrieval doctor --out output/sample")
@click.option("--out", default=str(PROJECT / "output"), help="folder to which runs write")
def command(out: str) -> int:
    """Report what is installed or missing, and how to fix it."""
    try:
        folder = local_path(out)
    except FolderError as error:
        raise click.BadParameter(str(error), param_hint="--out") from error
    problems = []
    for part in (_stack(), _packages(), _extras(), _devices(), check_disk(folder)):
        first, *more = part.lines
        print("\n".join([f"{part.name:<10} {first}", *(f"{'':<10} {line}" for line in more)]))
        problems += part.problems
    print()
    for problem in problems:
        print(f"Problem: {problem.what}\n    fix: {problem.fix}")
    print("Runs fail until that is fixed." if problems else "Everything a run needs is installed.")
    return 1 if problems else 0


def _stack() -> Part:
    """Reports the stack of this Python, and whether the system can run it."""
    version = platform.python_version()
    libc = " ".join(platform.libc_ver()) or "another C library"
    lines = [
        f"Python {version} in {sys.prefix}",
        f"{platform.system()} {platform.machine()}, {libc}",
    ]
    file = PROJECT / "bootstrap" / "stacks.py"
    if not file.is_file():
        return Part("Stack", [f"unknown: {PROJECT} is not a checkout", *lines], [])
    stacks = runpy.run_path(str(file))
    found = [
        stack for stack in stacks["STACKS"].values() if version.rpartition(".")[0] in stack.pythons
    ]
    name = f"{found[0].name}, {found[0].tfx}" if found else "none"
    lines = [name, *lines, f"checkout {PROJECT}"]
    if not found:
        wanted = " or ".join(stack.wanted_python for stack in stacks["STACKS"].values())
        return Part("Stack", lines, [Problem(f"Python {version} is not {wanted}", _SETUP)])
    unfit = stacks["unsupported"](found[0])
    return Part("Stack", lines, [Problem(unfit, "see README.md, Stacks")] if unfit else [])


def _lock() -> dict[str, str]:
    """Returns the locked versions; none where there is no checkout, as in an image."""
    name = "legacy" if sys.version_info < (3, 11) else "current"
    file = PROJECT / "requirements" / f"{name}.txt"
    return dict(_PIN.findall(file.read_text("utf-8"))) if file.is_file() else {}


def _packages() -> Part:
    """Compares the installed packages with the required ones, and with the lock."""
    lock, shown, required = _lock(), [], package_metadata()["INSTALL_REQUIRES"]
    for requirement in _here(required):
        installed = _version(requirement.name) or "missing"
        locked = lock.get(requirement.name.lower(), installed)
        more = "" if installed == locked else f" (locked: {locked})"
        shown.append(f"{requirement.name} {installed}{more}")
    lines = [", ".join(shown[at : at + 4]) for at in range(0, len(shown), 4)]
    return Part("Packages", lines, [Problem(what, _AGAIN) for what in _missing(required)])


def _here(requirements: Iterable[str], extra: str = "") -> Iterator[Any]:
    """Yields the requirements that apply to this Python and system."""
    from packaging.requirements import Requirement

    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _missing(requirements: Iterable[str], extra: str = "") -> list[str]:
    """Returns a line per requirement that is not met, including those of its extras."""
    found = []
    for requirement in _here(requirements, extra):
        version = _version(requirement.name)
        if version is None:
            found.append(f"{requirement.name} is not installed")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name} is {version}, needs {requirement.specifier}")
        for name in requirement.extras if version else ():
            brought = importlib.metadata.requires(requirement.name) or []
            own = set(map(str, _here(brought)))
            more = (line for line in map(str, _here(brought, name)) if line not in own)
            found += _missing(more, name)
    return found


def _extras() -> Part:
    """Reports which extras are installed, and what each one enables."""
    lines = []
    for name, requirements in package_metadata()["EXTRAS_REQUIRE"].items():
        state = f"missing: {_SETUP} --extra {name}" if _missing(requirements) else "installed"
        lines.append(f"{name:<9} {FEATURES[name]}: {state}")
    return Part("Extras", lines, [])


def _devices() -> Part:
    """Imports TFX and TensorFlow as a run does, in a process of its own; lists the devices."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _IMPORTS],
            cwd=PROJECT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        what = f"importing TFX and TensorFlow took more than {_TIMEOUT} s"
        return Part("Devices", ["unknown"], [Problem(what, "run it on a less busy machine")])
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        what = f"importing TFX and TensorFlow {describe_exit(done.returncode)}: {last}"
        return Part("Devices", ["unknown"], [Problem(what, _AGAIN)])
    devices = json.loads(done.stdout.splitlines()[-1])
    lines = [", ".join(devices)]
    if not any(device.startswith("GPU") for device in devices) and _has_nvidia_driver():
        lines.append(f"an NVIDIA driver is installed, but no GPU is found: {_SETUP} --extra gpu")
    return Part("Devices", lines, [])


def _has_nvidia_driver() -> bool:
    try:
        return bool(ctypes.CDLL("libcuda.so.1"))
    except OSError:
        return False


def check_disk(out: Path) -> Part:
    """Reports the free space for the outputs of runs and for environments."""
    lines, problems = [], []
    for place in dict.fromkeys((out, PROJECT / ".venv")):
        there = next(folder for folder in (place, *place.parents) if folder.exists())
        free = shutil.disk_usage(there).free
        lines.append(f"{free / (1 << 30):,.1f} GiB free for {place}")
        if place != out:
            continue
        fix = f"name another folder than {place}: OUT=folder or --out folder"
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            problems.append(Problem(f"{there} cannot be written to", fix))
        elif free < _FREE:
            problems.append(Problem(f"less than {_FREE >> 30} GiB is free for {place}", fix))
    return Part("Disk", lines, problems)
