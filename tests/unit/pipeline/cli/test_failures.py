"""Paths that cannot be used, and output that cannot be written, take a line and no traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.failures import describe
from pipeline.paths import PROJECT


def _run(words: list[str | bytes], stdout: str | int = subprocess.PIPE) -> tuple[int, str]:
    """Runs the command in a process of its own; returns its status and what it wrote to stderr."""
    target = open(stdout, "w") if isinstance(stdout, str) else stdout
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *words],
            cwd=PROJECT,
            stdout=target,
            stderr=subprocess.PIPE,
            timeout=120,
        )
    finally:
        if not isinstance(target, int):
            target.close()
    return done.returncode, done.stderr.decode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["check", "no-such-file.yaml"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_without_space_is_a_line(
    words: list[str | bytes], unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    status, error = _run(words, "/dev/full")
    assert status == 1
    assert error == "The output cannot be written: No space left on device.\n"


def test_a_word_that_is_not_utf8_is_refused() -> None:
    status, error = _run(["recommend", "--items", b"a\xff", "--model", "none"])
    assert status == 2
    assert r"'a\\xff' is not valid UTF-8" in error and "Traceback" not in error


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder with what looks like a pushed model; loading it would fail."""
    (tmp_path / "out" / "pushed" / "1").mkdir(parents=True)
    (tmp_path / "out" / "pushed" / "1" / "saved_model.pb").touch()
    (tmp_path / "log.tsv").write_text("SessionId\tItemId\tTime\n1\ta\t5\n", "utf-8")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("refresh --items missing.txt --out out", "/missing.txt cannot be used: No such file"),
        ("refresh --items out --out out", "/out cannot be used: Is a directory"),
        ("refresh --items image.png --out out", "/image.png is an image (PNG)"),
        ("refresh --items log.tsv --out none", "No model has been pushed yet in"),
        ("refresh --items log.tsv --out out --least-share nan", "a number from 0 to 1, got 'nan'"),
        ("recommend --items a --out none", "Or name a SavedModel with --model."),
        ("batch --sessions missing.tsv --to new --out out", "--sessions: no file matches"),
        ("batch --sessions out --to new --out out", "/out, only the folder"),
        ("batch --sessions log.tsv --to out --out out", "/out is not an empty folder"),
        ("batch --sessions log.tsv --to log.tsv --out out", "/log.tsv is not an empty folder"),
        ("batch --sessions log.tsv --to log.tsv/new --out out", "/new cannot be made: Not a dir"),
        ("batch --sessions log.tsv --to /proc/x --out out", "/proc/x cannot be made: No such"),
        ("batch --sessions log.tsv --to new --model none", "/none contains no SavedModel"),
        ("recommend --items a --model none", "/none contains no SavedModel"),
        ("recommend --items a --server localhost", "must be like http://localhost:8501"),
        ("serve --model none", "/none contains no SavedModel"),
    ],
)
def test_a_wrong_argument_is_one_line_before_anything_slow_is_loaded(
    words: str, message: str, out: Path
) -> None:
    program = (
        "import sys; from pipeline.cli.main import main; status = main(sys.argv[1:]); "
        "print(status, *{'tensorflow', 'apache_beam', 'tfx'} & set(sys.modules))"
    )
    before = sorted(out.parent.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", program, *words.split()],
        cwd=out.parent,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("Usage:", "Try "))]
    assert message in " ".join(lines) and len([line for line in lines if line]) == 1, done.stderr
    assert done.stdout.split() in (["1"], ["2"])
    if "refresh" in words:  # it has no such option
        assert "--model" not in done.stderr
    assert sorted(out.parent.rglob("*")) == before


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    for own in (
        PROJECT / "serving" / "pages" / "lost.html",
        Path(os.__file__),
        Path(pytest.__file__),
    ):
        assert describe(FileNotFoundError(errno.ENOENT, "No such file", str(own))) is None
    assert describe(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert describe(OSError("no errno")) is None
    # Outputs of runs lie in the checkout too.
    out = PROJECT / "output" / "lost"
    assert str(out) in str(describe(FileNotFoundError(errno.ENOENT, "No such file", str(out))))
