"""`session-retrieval serve` refuses values that nothing can be served with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.commands.serve import command, place_of, settings_of
from pipeline.cli.exit_statuses import ExitStatus
from pipeline.cli.main import main
from serving.server.place import Place
from serving.server.predictor import Settings
from serving.server.request_log import LogOptions


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
        ("--max-bytes", ["0", "3000000000"], "a whole number from 1 to 2147483647"),
        ("--max-waiting", ["0"], "a whole number that is at least 1"),
        ("--log-hours", ["0"], "a whole number that is at least 1"),
        ("--grpc-port", ["65536", "x", ""], "a whole number from 0 to 65535"),
        ("--canary-share", ["-0.1", "1.1", "nan", "x"], "a share from 0 to 1"),
        ("--deadline", ["0", "inf"], "a number of seconds above 0"),
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


def _place_of(*arguments: str) -> Place:
    given = _parsed(*arguments)
    return place_of(given["host"], given["port"], given["grpc_port"], given)


def test_grpc_is_one_port_below_unless_another_is_named() -> None:
    assert _place_of().grpc_port == 8500
    assert _place_of("--port=0").grpc_port == 0
    assert _place_of("--port=9000", "--grpc-port=0").grpc_port == 0
    assert _place_of("--grpc-port=7").grpc_port == 7
    assert _place_of("--grpc-port=none").grpc_port is None


def test_a_token_is_the_text_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    file.write_text(" secret\n")
    assert _place_of(f"--token-file={file}").token == "secret"
    file.write_text("\n")
    for name, words in ((file, "contains no token"), (tmp_path / "gone", "gone")):
        assert main(["serve", f"--token-file={name}"]) == ExitStatus.MISCONFIGURED
        assert words in capsys.readouterr().err


def test_options_become_settings(tmp_path: Path) -> None:
    words = ("--canary-share=.2", f"--log={tmp_path}", "--log-share=.5", "--log-hours=3")
    found = settings_of(_parsed(*words, "--max-waiting=9", "--deadline=2", "--max-rows=4"))
    assert (found.canary_share, found.limits.rows) == (0.2, 4)
    assert (found.capacity.waiting, found.capacity.seconds) == (9, 2.0)
    assert found.log == LogOptions(tmp_path, 0.5, 3)
    assert settings_of(_parsed()) == Settings()
