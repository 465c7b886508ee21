"""`session-retrieval serve` refuses values that nothing can be served with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.main import main
from pipeline.cli.serve import command


def _parsed(*arguments: str) -> dict[str, Any]:
    return command.make_context("serve", list(arguments)).params


@pytest.mark.parametrize(
    ("argument", "values", "must_be"),
    [
        (
            "--port",
            ["99999", "65536", "-5", "x", "8501.5", "", "9" * 9_000],
            "a whole number from 0 to 65535",
        ),
        (
            "--look",
            ["inf", "nan", "-1", "0", "1e300", "x", "-inf"],
            "a number of seconds above 0 and at most 86400",
        ),
        (
            "--host",
            ["nope.invalid", "", "192.0.2.1", "[::1]", "a" * 300, "http://localhost", "\0"],
            "a name or an address of this machine, such as localhost",
        ),
        ("--max-rows", ["0", "-1", "x", "1.5"], "a whole number that is at least 1"),
        ("--max-answers", ["0"], "a whole number that is at least 1"),
        ("--max-bytes", ["0"], "a whole number that is at least 1"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_it_must_be(
    argument: str, values: list[str], must_be: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in values:
        assert main(["serve", f"{argument}={value}"]) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert f"Invalid value for '{argument}': must be {must_be}" in said
        assert f"got {value[:100]!r}"[:-1] in said


def test_a_host_is_not_a_file(tmp_path: Path) -> None:
    """werkzeug removes what is there to make a socket of it."""
    file = tmp_path / "file"
    file.touch()
    assert main(["serve", f"--host=unix://{file}"]) == 2
    assert file.exists()


def test_values_that_can_be_are_taken() -> None:
    given = _parsed("--host=127.0.0.1", "--port=65535", "--look=.5")
    assert (given["host"], given["port"], given["look"]) == ("127.0.0.1", 65_535, 0.5)
    assert _parsed("--host=0.0.0.0", "--port=0", "--max-rows=1")["max_rows"] == 1
    default = _parsed()
    assert (default["host"], default["port"], default["look"]) == ("localhost", 8501, 2.0)
