"""The list of wheels: which file of a package is taken, and that the document is up to date."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name, parse_wheel_filename

from benchmarks import gpu_wheels
from benchmarks.gpu_wheels import File, chosen_files, machine_tags, table, unlocked
from bootstrap.stacks import STACKS, SetupError
from environment import LOCKED

PROJECT = Path(__file__).resolve().parents[3]
DOCUMENT = (PROJECT / "docs" / "gpu.md").read_text("utf-8")
HASHES = {name: f"{number:064x}" for number, name in enumerate(("old", "new", "any", "src"))}


def _entry(name: str, sha256: str, size: int) -> str:
    url = f"https://index.example/packages/ab/{name}"
    time = "upload-time = 2026-01-02T03:04:05Z"
    return f'{{ url = "{url}", {time}, size = {size}, hashes = {{ sha256 = "{sha256}" }} }}'


LOCK = f"""lock-version = "1.0"

[[packages]]
name = "fast-math"
version = "1.2"
marker = "python_full_version < '3.11'"
sdist = {_entry("fast_math-1.2.tar.gz", HASHES["src"], 10)}
wheels = [
    {_entry("fast_math-1.2-cp310-cp310-manylinux2014_x86_64.whl", HASHES["old"], 3 * 2**20)},
    {_entry("fast_math-1.2-cp310-cp310-manylinux_2_28_x86_64.whl", HASHES["new"], 2**21)},
    {_entry("fast_math-1.2-py3-none-any.whl", HASHES["any"], 20)},
]

[[packages]]
name = "hash"
version = "0.3"
sdist = {_entry("hash-0.3.tar.gz", HASHES["src"], 2**19)}
"""


def _names(python: str, glibc: tuple[int, int]) -> list[str]:
    return [file.name for file in chosen_files(LOCK, machine_tags(python, glibc))]


@pytest.mark.parametrize(
    ("python", "glibc", "wheel"),
    [
        ("3.10", (2, 28), "cp310-cp310-manylinux_2_28_x86_64"),
        ("3.10", (2, 39), "cp310-cp310-manylinux_2_28_x86_64"),
        ("3.10", (2, 17), "cp310-cp310-manylinux2014_x86_64"),
        ("3.12", (2, 39), "py3-none-any"),
    ],
)
def test_the_best_wheel_for_a_machine_is_taken(
    python: str, glibc: tuple[int, int], wheel: str
) -> None:
    assert _names(python, glibc) == [f"fast_math-1.2-{wheel}.whl", "hash-0.3.tar.gz"]


def test_a_package_without_a_file_for_the_machine_is_an_error() -> None:
    lock = re.sub(r"(?m)^sdist.*\n|.*-any.whl.*\n", "", LOCK)
    with pytest.raises(SetupError, match=r"fast-math 1\.2 has no file for this machine"):
        list(chosen_files(lock, machine_tags("3.13", (2, 39))))


def test_pins_allow_the_file_alone_and_the_table_has_the_largest_first() -> None:
    files = list(chosen_files(LOCK, machine_tags("3.10", (2, 28))))
    assert files[0].pin == f"fast-math==1.2 --hash=sha256:{HASHES['new']}"
    assert table(files[::-1]) == [
        "| file | MiB |",
        "|---|---:|",
        "| `fast_math-1.2-cp310-cp310-manylinux_2_28_x86_64.whl` | 2.00 |",
        "| `hash-0.3.tar.gz` | 0.50 |",
        "| **2 files** | **2** |",
    ]


def test_a_file_that_the_lock_lacks_is_reported() -> None:
    files = [File("a", "1", f"{name}.whl", 1, sha256) for name, sha256 in HASHES.items()]
    assert unlocked(files, f"a==1 --hash=sha256:{HASHES['old']} {HASHES['any']}") == [
        *("new.whl", "src.whl")
    ]


def test_what_the_check_imports_is_required_and_so_are_nvidias_libraries() -> None:
    setup = runpy.run_path(str(PROJECT / "setup.py"), run_name="setup")
    assert [
        line for line in gpu_wheels.requirements(True) if line in setup["INSTALL_REQUIRES"]
    ] == (setup["INSTALL_REQUIRES"])
    required = gpu_wheels.requirements(False)
    names = {re.split(r"[\[<>=;~ ]", line)[0] for line in required}
    assert names == {*gpu_wheels.NEEDED}
    assert {line for line in required if "and-cuda" in line} == {*setup["EXTRAS_REQUIRE"]["gpu"]}


def _documented(stack: str) -> dict[str, str]:
    """Returns the versions of the document's wheels by package."""
    part = re.split(r"^## .*$", DOCUMENT, flags=re.MULTILINE)
    (section,) = (text for text in part if f"gpu_wheels.py {stack}" in text and "| file |" in text)
    names = re.findall(r"^\| `(.+\.whl)` \|", section, re.MULTILINE)
    return {name: str(version) for name, version, *_ in map(parse_wheel_filename, names)}


@pytest.mark.parametrize("stack", STACKS)
def test_the_document_has_the_locks_versions(stack: str) -> None:
    """If this fails, the lock has changed: print the table of docs/gpu.md again."""
    locked: dict[str, set[str]] = {}
    for name, version, _ in LOCKED.findall(STACKS[stack].lock.read_text("utf-8")):
        locked.setdefault(canonicalize_name(name), set()).add(version)
    documented = _documented(stack)
    assert len(documented) > 40
    assert {name: v for name, v in documented.items() if v not in locked.get(name, ())} == {}
    assert {name for name in locked if name.startswith("nvidia-")} <= {*documented}
    assert {*gpu_wheels.NEEDED} <= {*documented}
