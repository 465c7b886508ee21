"""The set-up: which stack and Python are chosen, what is installed, when it is trusted."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import environment
from bootstrap import stacks
from bootstrap.stacks import STACKS, Stack

ROOT = Path(environment.__file__).parent
LEGACY = STACKS["legacy"]
LOCK = """\
numpy==1.26.4 \\
    --hash=sha256:00
    # via tensorflow
scipy==1.17.1 ; python_full_version < '3.12' \\
    --hash=sha256:01
scipy==1.18.1 ; python_full_version >= '3.12' \\
    --hash=sha256:02
tensorflow==2.16.2 \\
    --hash=sha256:03
"""


def test_pins_take_the_version_from_the_lock_and_keep_extras_and_markers() -> None:
    wanted = ["tensorflow[and-cuda]>=2.16,<2.17; python_version < '3.11'", "numpy", "SciPy"]

    assert environment.pins(wanted, LOCK) == [
        "tensorflow[and-cuda]==2.16.2 ; (python_version < '3.11')",
        "numpy==1.26.4",
        "SciPy==1.17.1 ; (python_full_version < '3.12')",
        "SciPy==1.18.1 ; (python_full_version >= '3.12')",
    ]


def test_pins_leave_a_name_that_the_lock_lacks_for_uv_to_refuse() -> None:
    assert environment.pins(["scann>=1.3"], LOCK) == ["scann>=1.3"]


def test_options_that_no_command_knows_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        environment.main(["setup", "--upgrade"])

    assert "unrecognized arguments: --upgrade" in capsys.readouterr().err


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """Return the legacy stack with an environment that has just been made, with the dev extra."""
    monkeypatch.setattr(stacks, "VENVS", tmp_path)
    LEGACY.python.parent.mkdir(parents=True)
    LEGACY.python.symlink_to(os.path.realpath(sys.executable))
    environment.write_stamp(LEGACY, {"dev"})
    return LEGACY


def test_an_environment_just_made_is_trusted(made: Stack) -> None:
    assert environment.up_to_date(made, set())
    assert environment.up_to_date(made, {"dev"})


def test_an_environment_without_an_extra_is_not_up_to_date(made: Stack) -> None:
    assert not environment.up_to_date(made, {"dev", "kubeflow"})


def test_a_half_made_environment_is_not_trusted(made: Stack) -> None:
    made.stamp.unlink()

    assert not environment.up_to_date(made, set())


@pytest.mark.parametrize("part", ["lock", "setup"])
def test_an_environment_of_other_requirements_is_not_trusted(made: Stack, part: str) -> None:
    stamp = json.loads(made.stamp.read_text())
    made.stamp.write_text(json.dumps({**stamp, part: "0" * 64}))

    assert not environment.up_to_date(made, set())


def test_an_environment_whose_python_is_missing_is_not_trusted(made: Stack, tmp_path: Path) -> None:
    made.python.unlink()
    made.python.symlink_to(tmp_path / "gone")

    assert environment.read_stamp(made) == {}


def test_a_moved_environment_is_not_trusted(
    made: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tmp_path / "legacy", tmp_path / "moved" / "legacy", symlinks=True)
    monkeypatch.setattr(stacks, "VENVS", tmp_path / "moved")

    assert environment.read_stamp(made) == {}


def copy_checkout(folder: Path, *packages: str) -> Path:
    """Copy what the set-up consists of, and packages of the project."""
    folder.mkdir(exist_ok=True)
    for name in ("environment.py", "setup.py", "Makefile"):
        shutil.copy(ROOT / name, folder / name)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("bootstrap", "requirements", *packages):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of what the set-up consists of."""
    return copy_checkout(tmp_path, "modules", "components", "pipeline")


def outer_environ(**more: str) -> dict[str, str]:
    """Return the process environment without what a surrounding `make` put there."""
    own = re.compile(r"MAKE|MFLAGS$|(STACK|GPU|PRESET|DATA|TRAIN|EVAL|TEST|SET|OUT|ARGS)$")
    return {key: value for key, value in os.environ.items() if not own.match(key)} | more


def make_environment(checkout: Path) -> Path:
    """Make what a checkout takes for its legacy environment; return the interpreter in it."""
    python = checkout / ".venv/legacy/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(os.path.realpath(sys.executable))
    stamp = "import environment as e; e.write_stamp(e.STACKS['legacy'], set())"
    subprocess.run([sys.executable, "-c", stamp], cwd=checkout, env=outer_environ(), check=True)
    return python


def set_up(checkout: Path, stack: str = "legacy") -> subprocess.CompletedProcess[str]:
    """Run the set-up of a checkout's environment; nothing in it can be downloaded."""
    return subprocess.run(
        [sys.executable, "environment.py", "setup"],
        cwd=checkout,
        env=outer_environ(STACK=stack, GPU="no", PIP_NO_INDEX="1", PATH=os.defpath),
        capture_output=True,
        text=True,
        timeout=300,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, and what is in it."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "python"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("fault", ["none", "another lock", "half-made", "on another disk"])
@pytest.mark.parametrize("link", [".venv", ".venv/legacy"])
def test_a_link_to_another_checkouts_environment_is_refused_and_leaves_that_alone(
    tmp_path: Path, link: str, fault: str
) -> None:
    other, here = copy_checkout(tmp_path / "other"), copy_checkout(tmp_path / "here")
    if fault == "on another disk":
        (tmp_path / "disk").mkdir()
        (other / ".venv").symlink_to(tmp_path / "disk")
    python = make_environment(other)
    if fault == "another lock":
        with open(here / "requirements/legacy.txt", "a") as lock:
            lock.write("# another day's\n")
    elif fault != "none":  # half-made
        (other / ".venv/legacy/session-retrieval.json").unlink()
    (here / link).parent.mkdir(exist_ok=True)
    (here / link).symlink_to(other / link)
    before = contents(other)

    done = set_up(here)

    assert done.returncode == 1
    assert f"{here / link} is a link to {os.path.realpath(other / link)}" in done.stderr
    assert f"another checkout, {other}. Remove the link (`rm {here / link}`)" in done.stderr
    assert contents(other) == before
    assert python.exists()


def test_a_link_to_a_folder_of_this_checkout_alone_is_accepted(tmp_path: Path) -> None:
    here, disk = copy_checkout(tmp_path / "here"), tmp_path / "disk"
    disk.mkdir()
    (here / ".venv").symlink_to(disk)
    make_environment(here)

    assert f"is ready: {here / '.venv/legacy/bin/python'}" in set_up(here).stderr


def test_a_link_that_two_checkouts_share_belongs_to_the_first(tmp_path: Path) -> None:
    first, second = copy_checkout(tmp_path / "first"), copy_checkout(tmp_path / "second")
    disk = tmp_path / "disk"
    disk.mkdir()
    for checkout in (first, second):
        (checkout / ".venv").symlink_to(disk)
    make_environment(first)
    before = contents(disk)

    done = set_up(second)

    assert done.returncode == 1
    assert f"another checkout, made as {first / '.venv/legacy'}" in done.stderr
    assert {**contents(disk), ".lock": ""} == {**before, ".lock": ""}
    assert "is ready" in set_up(first).stderr


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("gone", "which does not exist"),
        ("project", "which does not contain an environment"),
        ("project/pyvenv.cfg", "which is not a folder"),
    ],
)
def test_a_link_to_what_set_up_did_not_make_is_refused(
    tmp_path: Path, target: str, words: str
) -> None:
    here, mine = copy_checkout(tmp_path / "here"), tmp_path / "project" / "pyvenv.cfg"
    mine.parent.mkdir()
    mine.write_text("home = /usr/bin\n")
    (here / ".venv").mkdir()
    (here / ".venv/legacy").symlink_to(tmp_path / target)

    done = set_up(here)

    assert done.returncode == 1
    assert words in done.stderr
    assert mine.read_text() == "home = /usr/bin\n"


@pytest.mark.parametrize("stack", ["legacy", ""])
@pytest.mark.parametrize(
    ("target", "words"),
    [("gone", "which does not exist"), ("file", "which is not a folder"), (".venv", "which does")],
)
def test_a_link_in_the_place_of_all_environments_leads_to_a_folder(
    tmp_path: Path, target: str, words: str, stack: str
) -> None:
    here = copy_checkout(tmp_path / "here")
    (tmp_path / "file").touch()
    (here / ".venv").symlink_to(here / target if target == ".venv" else tmp_path / target)

    done = set_up(here, stack)

    assert done.returncode == 1
    assert f"{here / '.venv'} is a link to" in done.stderr and words in done.stderr
    assert f"Remove the link (`rm {here / '.venv'}`)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", [".venv", ".venv/legacy"])
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    here = copy_checkout(tmp_path / "here")
    (here / name).parent.mkdir(exist_ok=True)
    (here / name).touch()

    done = set_up(here)

    assert done.returncode == 1
    assert f"{here / name} is a file in the place of a folder of environments" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_runs_as_in_an_activated_environment(checkout: Path) -> None:
    python = make_environment(checkout)
    environ = outer_environ(STACK="legacy", GPU="no")
    command = ["run", "sh", "-c", 'echo "$VIRTUAL_ENV"; command -v python; echo "$1"; exit 7', "-"]

    done = subprocess.run(
        [sys.executable, "environment.py", *command, 'two "words"'],
        cwd=checkout,
        env=environ,
        capture_output=True,
        text=True,
    )

    assert done.stdout.splitlines() == [str(python.parents[1]), str(python), 'two "words"']
    assert done.returncode == 7


def test_make_run_hands_values_over_unchanged(checkout: Path, program: Callable[..., Path]) -> None:
    echo = "import json, sys; print(json.dumps(sys.argv[1:]))"
    python = program("echo-python", f"exec '{sys.executable}' -c '{echo}' \"$@\"")
    overrides = r"""a.b="it's" c.d=[1, 2] * e.f="$" g=$(nothing) h=# i=\t"""
    values = ["PRESET=sample", "DATA=/a folder", f"SET={overrides}", "TEST=x;y&z$1"]

    done = subprocess.run(
        ["make", "run", f"PYTHON={python}", *values],
        cwd=checkout,
        env=outer_environ(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == [
        *["environment.py", "run", "session-retrieval", "run"],
        *["--preset", "sample", "--data", "/a folder"],
        *["--test", "x;y&z$1", "--set", overrides],
    ]


def test_make_says_what_is_missing_where_there_is_no_python(checkout: Path) -> None:
    done = subprocess.run(
        ["make", "env", "PYTHON=/nowhere/python3"],
        cwd=checkout,
        env=outer_environ(),
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "/nowhere/python3 was not found: install Python 3.9 or newer" in done.stderr


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_lock_meets_every_requirement_of_setup_py(stack: Stack) -> None:
    setup = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")
    extras = [line for lines in setup["EXTRAS_REQUIRE"].values() for line in lines]
    requirements = [Requirement(line) for line in setup["INSTALL_REQUIRES"] + extras]
    lock = stack.lock.read_text("utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE))

    for version in stack.pythons:
        machine = default_environment() | {
            "python_version": version,
            "python_full_version": f"{version}.0",
        }
        for requirement in requirements:
            if requirement.marker is None or requirement.marker.evaluate(dict(machine)):
                name = canonicalize_name(requirement.name)
                assert name in pinned, f"{name} is not in {stack.lock}: run `make lock`"
                assert requirement.specifier.contains(pinned[name]), f"{name}: run `make lock`"


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_lock_has_a_hash_for_every_package_and_names_no_index(stack: Stack) -> None:
    lock = stack.lock.read_text("utf-8")

    packages = re.findall(r"^[a-z0-9].*$", lock, re.MULTILINE)
    hashed = re.findall(r"^[a-z0-9].* \\\n    --hash=sha256:[0-9a-f]{64}", lock, re.MULTILINE)

    assert len(hashed) == len(packages) > 200
    assert "://" not in lock
    assert "--index" not in lock


def test_setup_py_alone_packs_what_beam_workers_need(tmp_path: Path) -> None:
    packages = ("modules", "components", "pipeline", "serving")
    checkout = copy_checkout(tmp_path, *packages)
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", "sdist"], cwd=checkout, check=True, timeout=120
    )

    (archive,) = (checkout / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    needed = {
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*.*")
        if path.is_file() and path.suffix not in (".md", ".pyc")
    }
    assert needed - packed == set()
    assert not any(name.startswith(("tests/", "bootstrap/")) for name in packed)
