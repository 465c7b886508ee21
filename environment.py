#!/usr/bin/env python3
"""Makes the project's Python environment, keeps it in line with its lock, and runs commands in it.

`make` calls this file, with any Python from 3.9 on and only the standard library:

    environment.py setup [--extra NAME]...                 make or check the environment
    environment.py run [--extra NAME]... COMMAND [ARGS]    the same, then run COMMAND in it
    environment.py lock [UV OPTIONS]                       resolve requirements/*.txt again
    environment.py stacks                                  list the stacks this machine can run

Of two stacks, each with its own environment in `.venv/`, it uses *current* if the C library is new
enough and Python 3.11 to 3.13 is available, else *legacy*. `STACK=legacy` or `STACK=current`
in the process environment overrides the choice, `GPU=no` keeps NVIDIA's libraries out.

An environment has the packages that setup.py and the given extras require, in the versions of
`requirements/STACK.txt`, checked against its hashes. A stamp is written last, so that a set-up
which was killed is never taken for a complete one.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import json
import os
import re
import runpy
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from bootstrap.stacks import (
    ROOT,
    STACKS,
    VENVS,
    SetupError,
    Stack,
    check_own,
    find_python,
    unsupported,
)
from bootstrap.uv import install_uv, say

# The stack that was selected when none was named, so that the search is made once.
CHOSEN = VENVS / "stack"
REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(\[[^]]*\])?[^;]*(?:;(.*))?")
LOCKED = re.compile(r"^([\w.-]+)==([^\s;\\]+)(?: ; ([^\\\n]+?))? \\$", re.MULTILINE)

# Present state ------------------------------------------------------------------------------------


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_stamp(stack: Stack) -> dict[str, Any]:
    """Returns the stamp of an environment; {} if it is not complete or no longer works.

    It no longer works if the checkout was moved (scripts name their interpreter by full path) or if
    its Python was removed or replaced.
    """
    with contextlib.suppress(OSError, ValueError, KeyError):
        stamp: dict[str, Any] = json.loads(stack.stamp.read_text("utf-8"))
        same_place = stamp["folder"] == str(stack.folder)
        same_python = stamp["python"] == os.path.realpath(stack.python)
        if same_place and same_python and os.access(stack.python, os.X_OK):
            return stamp
    return {}


def up_to_date(stack: Stack, extras: set[str]) -> bool:
    """Returns whether the environment is complete, matches lock and setup.py and has the extras."""
    stamp = read_stamp(stack)
    return (
        bool(stamp)
        and stamp["lock"] == digest(stack.lock)
        and stamp["setup"] == digest(ROOT / "setup.py")
        and extras <= set(stamp["extras"])
    )


def nvidia_driver_found() -> bool:
    """Returns whether an NVIDIA driver can be loaded (also under WSL and in GPU containers)."""
    with contextlib.suppress(OSError):
        return bool(ctypes.CDLL("libcuda.so.1"))
    return False


# Installing ---------------------------------------------------------------------------------------


def pins(requirements: Iterable[str], lock: str) -> list[str]:
    """Returns the lock's exact version for each requirement, extras and markers kept.

    With hashes, uv needs exact versions of what it installs; their dependencies come from the lock
    as constraints. A name that the lock lacks is kept: uv refuses it if its marker applies.
    """
    locked: dict[str, list[tuple[str, str]]] = {}
    for name, version, marker in LOCKED.findall(lock):
        locked.setdefault(name, []).append((version, marker))
    lines = []
    for requirement in requirements:
        match = REQUIREMENT.match(requirement)
        name, extras, marker = match.groups(default="") if match else (requirement, "", "")
        versions = locked.get(re.sub(r"[-_.]+", "-", name).lower(), [])
        for version, lock_marker in versions:
            both = " and ".join(f"({part.strip()})" for part in (marker, lock_marker) if part)
            lines.append(f"{name}{extras}=={version}" + (f" ; {both}" if both else ""))
        lines += [] if versions else [requirement]
    return lines


def install(stack: Stack, python: list[str], extras: set[str]) -> None:
    """Makes or updates the stack's environment from its lock, setup.py and the extras."""
    if not any(map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))):
        raise SetupError("no C++ compiler was found, and one package needs it: `apt install g++`.")
    uv, before = install_uv(stack), read_stamp(stack)
    stack.stamp.unlink(missing_ok=True)
    where = f"the {stack.name} environment ({stack.tfx}) in {stack.folder.relative_to(ROOT)}"
    if before.get("lock") == digest(stack.lock):
        say(f"Updating {where} ...")
    else:
        say(f"Making {where}: once, 1 to 5 minutes, most of it downloads ...")
        uv.call("venv", "--quiet", "--clear", *python, str(stack.folder), what="uv venv")
    setup = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")
    # Extras stay: `make run` must not remove what `make test` installed.
    extras = extras | (set(before.get("extras", ())) & set(setup["EXTRAS_REQUIRE"]))
    wanted = ["pip", *setup["INSTALL_REQUIRES"]]
    for extra in sorted(extras):
        wanted += setup["EXTRAS_REQUIRE"][extra]
    listed, lock = stack.folder / "wanted.txt", str(stack.lock)
    listed.write_text("\n".join(pins(wanted, stack.lock.read_text("utf-8"))) + "\n", "utf-8")
    add = ("pip", "install", "--python", str(stack.python))
    packages = ("--require-hashes", "--requirement", str(listed), "--constraint", lock)
    uv.call(*add, *packages, "--build-constraint", lock, what=f"installing what {lock} pins")
    project = ("--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    uv.call(*add, *project, what="installing the project itself")
    write_stamp(stack, extras)


def write_stamp(stack: Stack, extras: set[str]) -> None:
    """Writes, as the last step, from what the environment was made."""
    stamp = {
        "folder": str(stack.folder),
        "python": os.path.realpath(stack.python),
        "lock": digest(stack.lock),
        "setup": digest(ROOT / "setup.py"),
        "extras": sorted(extras),
    }
    half = stack.stamp.with_suffix(".tmp")
    half.write_text(json.dumps(stamp, indent=2) + "\n", "utf-8")
    half.replace(stack.stamp)


# Selection ----------------------------------------------------------------------------------------


def python_for(stack: Stack) -> list[str]:
    """Returns the `uv venv` options of a Python for the stack; lets uv fetch one if needed.

    Raises:
        SetupError: If there is none; says what was found instead and what to install.
    """
    problem = unsupported(stack)
    if problem:
        raise SetupError(problem)
    found, problems = find_python(stack)
    if found:
        return ["--python", found]
    version = stack.pythons[0]
    say(f"No usable {stack.wanted_python} here; uv fetches Python {version} (30 MB) ...")
    problem = install_uv(stack).fetch_python(version)
    if not problem:
        return ["--managed-python", "--python", version]
    problems = [f"{stack.wanted_python} is needed and was not found", *problems]
    problems.append(f"uv could not fetch it from github.com: {problem}")
    raise SetupError("\n    ".join([*problems, f"what to do: {stack.how_to_install}"]))


def choose(wanted: str) -> tuple[Stack, list[str]]:
    """Returns the stack to set up ("" for the newest that this machine can run) and its Python.

    Raises:
        SetupError: If there is none; says what each stack lacks and what to install.
    """
    problems = []
    for stack in [STACKS[wanted]] if wanted else STACKS.values():
        try:
            return stack, python_for(stack)
        except SetupError as error:
            problems.append(f"{stack.name} stack ({stack.tfx}): {error}")
    raise SetupError("\n  ".join(["no environment can be made here.", *problems]))


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Holds a lock, so that set-ups of one checkout do not run at once."""
    import fcntl  # Windows has none, but must get as far as the message about it.

    VENVS.mkdir(exist_ok=True)
    with open(VENVS / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is running in this checkout; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure(extras: set[str]) -> Stack:
    """Returns the stack after making its environment up to date, with the extras."""
    wanted = os.environ.get("STACK", "")
    if wanted and wanted not in STACKS:
        raise SetupError(f"STACK={wanted} is not known: use {' or '.join(STACKS)}.")
    if os.environ.get("GPU") != "no" and nvidia_driver_found():
        extras = extras | {"gpu"}
    name = wanted or (CHOSEN.read_text("utf-8").strip() if CHOSEN.is_file() else "")
    if name in STACKS and up_to_date(STACKS[name], extras):
        return STACKS[name]
    check_own(STACKS[name].folder if name in STACKS else VENVS)
    with one_at_a_time():
        # A selected stack stays as long as its environment works.
        stack, python = choose(name if name in STACKS and read_stamp(STACKS[name]) else wanted)
        check_own(stack.folder)
        if not up_to_date(stack, extras):
            install(stack, python, extras)
        if not wanted:
            CHOSEN.write_text(stack.name + "\n", "utf-8")
    return stack


# The command line ---------------------------------------------------------------------------------


def run(stack: Stack, command: list[str]) -> NoReturn:
    """Replaces this process by a command in the environment, as if that were activated."""
    environ = dict(os.environ, VIRTUAL_ENV=str(stack.folder))
    environ["PATH"] = os.pathsep.join([str(stack.folder / "bin"), os.environ.get("PATH", "")])
    environ.pop("PYTHONHOME", None)
    os.execvpe(command[0], command, environ)


def write_locks(options: list[str]) -> None:
    """Resolves setup.py, all its extras and requirements/*.in again, for each stack."""
    os.environ["UV_CUSTOM_COMPILE_COMMAND"] = "make lock"
    for stack in STACKS.values():
        say(f"Resolving the {stack.name} stack ...")
        sources = ("setup.py", f"requirements/{stack.name}.in", "--all-extras")
        target = ("--generate-hashes", "--output-file", f"requirements/{stack.name}.txt")
        resolve = ("pip", "compile", "--quiet", *sources, *target, *stack.lock_options)
        install_uv(stack).call(*resolve, "--no-emit-index-url", *options, what="resolving")


def main(arguments: list[str]) -> None:
    """Runs one of the four commands of the module's docstring."""
    parser = argparse.ArgumentParser(
        description="Make the project's Python environment, and run commands in it."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("setup", "run"):
        commands.add_parser(name).add_argument("--extra", action="append", default=[])
    commands.choices["run"].add_argument("words", nargs=argparse.REMAINDER)
    commands.add_parser("lock")
    commands.add_parser("stacks")
    given, options = parser.parse_known_args(arguments)
    if options and given.command != "lock":  # It passes them to uv.
        parser.error(f"unrecognized arguments: {' '.join(options)}")
    if given.command == "stacks":
        print(*(stack.name for stack in STACKS.values() if not unsupported(stack)))
    elif given.command == "lock":
        write_locks(options)
    elif given.command == "run":
        run(ensure(set(given.extra)), given.words)
    else:
        stack = ensure(set(given.extra))
        say(f"The {stack.name} environment ({stack.tfx}) is ready: {stack.python}")


if __name__ == "__main__":
    if sys.version_info < (3, 9):  # noqa: UP036 (the project's own floor is higher)
        sys.exit("Error: this needs Python 3.9 or newer. Name one: make PYTHON=/path/to/python3")
    try:
        main(sys.argv[1:])
    except SetupError as error:
        sys.exit(f"Error: {error}")
